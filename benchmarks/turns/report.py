"""Measures one engine, row by row, and makes the tables."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from benchmarks.hosts import Host
from benchmarks.raw import Transaction
from benchmarks.turns.loads import CLOSED, QUEUED, add_closed_turns, begin
from benchmarks.turns.measure import (
    Times,
    Turns,
    measure_accepting,
    measure_crowd,
    measure_idle,
    measure_local,
    measure_start,
    measure_turns,
    record_turns,
)
from benchmarks.turns.record import driver_of

HEADINGS = ("ours", "driver", "ratio", "aim")
START_AIM, RATE_AIM, CHATTER_AIM = 15e-3, 150.0, 1e-3


@dataclass(frozen=True)
class Effort:
    """How often each thing is done."""

    turns: int
    waves: int
    events: int
    idle_seconds: float


@dataclass
class Sheet:
    """What was found on one engine."""

    engine: str
    lines: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def line(self, name: str, ours: str, driver: str = "", ratio: str = "", aim: str = "") -> None:
        self.lines.append((name, ours, driver, ratio, aim))
        sys.stderr.write(f"{self.engine}: {name}: {ours}\n")

    def times(self, name: str, found: Times, driver: Times | None = None, aim: float | None = None) -> None:
        """A row of milliseconds: the median, and what one in a hundred exceeds."""
        reached = "" if aim is None else f"≤ {aim * 1e3:.0f} ms {'reached' if found.p50 <= aim else 'missed'}"
        beside, ratio = ("", "") if driver is None else (_ms(driver), f"{found.p50 / driver.p50:.2f}")
        self.line(name, _ms(found), beside, ratio, reached)


def _ms(found: Times) -> str:
    return f"{found.p50 * 1e3:.2f} ms (p99 {found.p99 * 1e3:.1f})"


async def measure_engine(host: Host, effort: Effort) -> Sheet:
    """All rows of one engine."""
    sheet = Sheet(host.name, notes=[host.describe()])
    await begin(host.create("turns"))
    host.settle("turns")
    for name in ("recorded", "driver", "ours", "crowd", "local", "closed", "accepting"):
        host.copy("turns", name)
    alone = await _alone(host, effort, sheet)
    await _together(host, effort, sheet, alone)
    await _starts(host, effort, sheet, alone)
    await _accepting(host, effort, sheet, alone)
    idle = await measure_idle(host.address("ours"), effort.idle_seconds)
    sheet.line("CPU of an idle bot", f"{idle * 100:.2f} % of a core")
    return sheet


async def _alone(host: Host, effort: Effort, sheet: Sheet) -> Turns:
    recorded = await record_turns(host.address("recorded"), effort.turns)
    driver = driver_of(host.address("driver"))
    try:
        before = driver.answered()
        found = await measure_turns(host.address("ours"), recorded, driver)
        sent = driver.answered() - before
    finally:
        driver.close()
    if sent != effort.turns:
        raise RuntimeError(f"The driver answered {sent} turns of {effort.turns}: its statements did not apply.")
    sheet.times("arrived until accepted", found.accepted, found.driver_accepts)
    sheet.times("arrived until answer posted", found.posted)
    sheet.times("whole turn, arrived until closed", found.closed, found.driver)
    sheet.notes.append(_transactions(recorded))
    sheet.notes.append(f"CPU of the bot's process for one turn: {found.cpu * 1e3:.1f} ms.")
    return found


def _transactions(recorded: Sequence[Sequence[Transaction]]) -> str:
    each = [one for turn in recorded for one in turn]
    writing = sum(not one.reads for one in each) / len(recorded)
    statements = sum(len(one.statements) for one in each) / len(recorded)
    looking = len(each) / len(recorded) - writing
    return (
        f"A turn takes {writing:.1f} commits, {looking:.1f} transactions that only look, {statements:.1f} statements."
    )


async def _together(host: Host, effort: Effort, sheet: Sheet, alone: Turns) -> None:
    rate = await measure_crowd(host.address("crowd"), effort.waves)
    driver = 1 / alone.driver.p50
    aim = f"≥ {RATE_AIM:.0f}/s {'reached' if rate >= RATE_AIM else 'missed'}" if host.name == "sqlite" else ""
    sheet.line("64 people at once", f"{rate:.0f} turns/s", f"{driver:.0f} turns/s", f"{driver / rate:.2f}", aim)
    times, rate = await measure_local(host.address("local"), effort.turns, effort.waves)
    sheet.times("whole turn on the local platform", times)
    sheet.line("64 people at once on the local platform", f"{rate:.0f} turns/s")


async def _starts(host: Host, effort: Effort, sheet: Sheet, alone: Turns) -> None:
    await add_closed_turns(host.address("closed"))
    host.settle("closed")
    host.copy("closed", "flooded")
    name = "arrived until model asked"
    sheet.times(f"{name}, idle bot", alone.asked, aim=START_AIM)
    closed = await measure_start(host.address("closed"), effort.turns)
    sheet.times(f"{name}, {CLOSED:,} closed turns", closed, aim=START_AIM)
    flooded = await measure_start(host.address("flooded"), effort.turns, flooded=True)
    sheet.times(f"{name}, and {QUEUED:,} of another workspace that wait", flooded, aim=START_AIM)


async def _accepting(host: Host, effort: Effort, sheet: Sheet, alone: Turns) -> None:
    found = await measure_accepting(host.address("accepting"), effort.events)
    driver = 1 / alone.driver_accepts.p50
    ratio = f"{driver / found.at_once:.2f}"
    sheet.line("messages accepted, 64 at once", f"{found.at_once:,.0f}/s", f"{driver:,.0f}/s", ratio)
    sheet.line("repeated deliveries, 64 at once", f"{found.repeated:,.0f}/s")
    for name, cpu in (("a channel's chatter", found.chatter), ("chatter in a thread", found.elsewhere)):
        reached = "reached" if cpu <= CHATTER_AIM else "missed"
        sheet.line(f"{name}, CPU each", f"{cpu * 1e6:.0f} µs", aim=f"≤ {CHATTER_AIM * 1e3:.0f} ms {reached}")


def show(sheets: Sequence[Sheet]) -> None:
    """Print it on the terminal."""
    console = Console()
    for sheet in sheets:
        table = Table(title=sheet.engine)
        for number, heading in enumerate(("", *HEADINGS)):
            table.add_column(heading, justify="right" if number else "left")
        for line in sheet.lines:
            table.add_row(*line)
        console.print(table)
        for note in sheet.notes:
            console.print(note, highlight=False)


def markdown(sheets: Sequence[Sheet]) -> str:
    """The same as Markdown."""
    parts = []
    for sheet in sheets:
        parts += [f"| {' | '.join((sheet.engine, *HEADINGS))} |", "|---|---|---|---|---|"]
        parts += [f"| {' | '.join(line)} |" for line in sheet.lines]
        parts += ["", *(f"- {note}" for note in sheet.notes), ""]
    return "\n".join(parts)
