"""The table, for a terminal and as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Cell
from benchmarks.scenarios import Scenario


@dataclass(frozen=True)
class Row:
    """One scenario on one engine, on stores of rising sizes."""

    scenario: Scenario
    engine: str
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Weight:
    """What a message takes in a store."""

    engine: str
    size: int
    stored: float
    text: float


@dataclass
class Report:
    """Everything that one run found."""

    sizes: Sequence[int]
    rows: list[Row] = field(default_factory=list)
    weights: list[Weight] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def headings(report: Report) -> list[str]:
    """The table's heads."""
    columns = [f"{size:,} stored: ours | driver | ratio" for size in report.sizes]
    growth = [f"{report.sizes[-1]:,} / {report.sizes[0]:,}"] if len(report.sizes) > 1 else []
    return ["", *columns, *growth, "aim of ratio"]


def lines(report: Report, engine: str) -> list[list[str]]:
    """The table's rows for one engine."""
    found = [_line(row) for row in report.rows if row.engine == engine]
    weights = {one.size: one for one in report.weights if one.engine == engine}
    if weights:
        cells = [f"{weights[size].stored:,.0f} B | text {weights[size].text:,.0f} B" for size in report.sizes]
        growth = weights[report.sizes[-1]].stored / weights[report.sizes[0]].stored
        found.append(
            ["stored per message of 60 words", *cells, *([f"{growth:.2f}"] if len(report.sizes) > 1 else []), ""]
        )
    return found


def _line(row: Row) -> list[str]:
    cells = [f"{_time(one.ours)} | {_time(one.raw)} | {one.ratio:.2f}" for one in row.cells]
    if row.scenario.rate:
        cells = [f"{cell} ({1 / one.ours:,.0f}/s)" for cell, one in zip(cells, row.cells, strict=True)]
    growth = [f"{row.cells[-1].ours / row.cells[0].ours:.2f}"] if len(row.cells) > 1 else []
    aim = row.scenario.aims.get(row.engine)
    if aim is None:
        return [row.scenario.name, *cells, *growth, ""]
    reached = all(one.ratio <= aim for one in row.cells)
    return [row.scenario.name, *cells, *growth, f"≤ {aim:.1f} {'reached' if reached else 'missed'}"]


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} µs"


def show(report: Report, engines: Sequence[str]) -> None:
    """Print it on the terminal."""
    console = Console()
    for engine in engines:
        table = Table(title=engine)
        for number, heading in enumerate(headings(report)):
            table.add_column(heading, justify="right" if number else "left")
        for line in lines(report, engine):
            table.add_row(*line)
        console.print(table)
    for note in report.notes:
        console.print(note, highlight=False)


def markdown(report: Report, engines: Sequence[str]) -> str:
    """The same as Markdown."""
    parts = []
    for engine in engines:
        heads = [heading.replace("|", "·") or engine for heading in headings(report)]
        parts.append(f"| {' | '.join(heads)} |")
        parts.append(f"|{'---|' * len(heads)}")
        parts += [f"| {' | '.join(cell.replace('|', '·') for cell in line)} |" for line in lines(report, engine)]
        parts.append("")
    parts += [f"- {note}" for note in report.notes]
    return "\n".join(parts)
