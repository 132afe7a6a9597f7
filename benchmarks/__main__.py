"""`python -m benchmarks`: fills stores, measures every row on them, prints one table; `turns`: what turns cost."""

import argparse
import asyncio
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.content import LONG_PLAN, Writer, fill, plan_of
from benchmarks.hosts import HOSTS, Host, fdatasync_seconds
from benchmarks.measure import Store, empty_read_seconds, measure
from benchmarks.scenarios import SCENARIOS, Scenario
from benchmarks.table import Report, Row, Weight, markdown, show
from benchmarks.turns import report as turns
from bot.cli.logs import configure_logging
from bot.memory.memory import Memory

_SECONDS, _QUICK_SECONDS = 4.0, 0.5


def main() -> None:
    """Read the command line, measure, print."""
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="threadkeeper-benchmark-", dir=options.folder))
    try:
        (_measure_turns if options.what == "turns" else _measure_memory)(folder, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure_memory(folder: Path, options: argparse.Namespace) -> None:
    report = Report(options.sizes)
    for engine in options.engines:
        (folder / engine).mkdir()
        asyncio.run(_measure_engine(engine, folder / engine, options, report))
    report.notes.append(_machine())
    if options.markdown:
        sys.stdout.write(markdown(report, options.engines) + "\n")
    else:
        show(report, options.engines)


def _measure_turns(folder: Path, options: argparse.Namespace) -> None:
    configure_logging(verbose=False)
    effort = turns.Effort(40, 3, 512, 2.0) if options.quick else turns.Effort(200, 8, 2_048, 20.0)
    sheets = []
    for engine in options.engines:
        (folder / engine).mkdir()
        host: Host = HOSTS[engine](folder / engine)
        try:
            before = fdatasync_seconds(folder / engine)
            sheets.append(asyncio.run(turns.measure_engine(host, effort)))
            times = f"{before * 1e3:.2f}, {fdatasync_seconds(folder / engine) * 1e3:.2f} ms"
            sheets[-1].notes.append(f"Disk: 4 KiB and fdatasync, p50 before and after: {times}.")
        finally:
            host.close()
    sheets[-1].notes.append(_machine())
    if options.markdown:
        sys.stdout.write(turns.markdown(sheets) + "\n")
    else:
        turns.show(sheets)


def _machine() -> str:
    cores, load = os.cpu_count(), os.getloadavg()[0]
    return (
        f"Machine: {cores} cores, {platform.machine()}, Python {platform.python_version()}, load {load:.1f} at the end."
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("memory", "turns"), default="memory", help="default memory")
    parser.add_argument(
        "--sizes", type=_sizes, default=(1_000, 100_000), help="memory: messages stored; default 1000,100000"
    )
    parser.add_argument("--engines", type=_engines, default=tuple(HOSTS), help="default sqlite,postgresql")
    parser.add_argument("--only", default="", help="memory: only rows whose name holds this")
    parser.add_argument("--quick", action="store_true", help="less time for each row: rougher numbers")
    parser.add_argument("--markdown", action="store_true", help="print Markdown instead of a table for the terminal")
    parser.add_argument(
        "--folder", type=Path, help="where the databases are made; default: the folder for temporary files"
    )
    return parser.parse_args()


def _sizes(text: str) -> tuple[int, ...]:
    sizes = tuple(sorted(int(size) for size in text.split(",")))
    if sizes[0] < 1_000:
        raise argparse.ArgumentTypeError("sizes start at 1000")
    return sizes


def _engines(text: str) -> tuple[str, ...]:
    engines = tuple(text.split(","))
    if set(engines) - set(HOSTS):
        raise argparse.ArgumentTypeError(f"engines are {', '.join(HOSTS)}")
    return engines


async def _measure_engine(engine: str, folder: Path, options: argparse.Namespace, report: Report) -> None:
    host: Host = HOSTS[engine](folder)
    scenarios = [one for one in SCENARIOS if options.only in one.name]
    disk: list[float] = []
    try:
        report.notes.append(host.describe())
        for size in options.sizes:
            await _fill(host, size, report)
        for long_thread in (False, True):
            wanted = [one for one in scenarios if one.long_thread is long_thread]
            seconds = _QUICK_SECONDS if options.quick else _SECONDS
            disk.append(fdatasync_seconds(folder))
            report.rows += await _measure_all(host, options.sizes, wanted, seconds, long_thread=long_thread)
        empty = await empty_read_seconds(host.address(_name(options.sizes[0])))
        report.notes.append(f"The runner itself: an empty read on {engine} takes {empty * 1e6:.0f} µs (p50).")
        disk.append(fdatasync_seconds(folder))
        times = ", ".join(f"{one * 1e3:.2f}" for one in disk)
        report.notes.append(f"Disk under {engine}: 4 KiB and fdatasync, p50 before, between and after: {times} ms.")
    finally:
        host.close()


async def _fill(host: Host, size: int, report: Report) -> None:
    """Make a store of `size` messages, the same with a long thread, and a copy of each for the driver."""
    url = host.create(_name(size))
    await (await Memory.open(url)).close()
    empty = host.settle(_name(size))
    plan, writer, began = plan_of(size), Writer(), time.perf_counter()
    async with await Memory.open(url) as memory:
        text = await fill(memory, plan, writer)
    _say(f"{host.name}: {plan.messages:,} messages stored in {time.perf_counter() - began:.1f} s")
    full = host.settle(_name(size))
    report.weights.append(Weight(host.name, size, (full - empty) / plan.messages, text / plan.messages))
    host.copy(_name(size), f"{_name(size)}_raw")
    async with await Memory.open(host.copy(_name(size), _name(size, long_thread=True))) as memory:
        await fill(memory, LONG_PLAN, writer)
    host.settle(_name(size, long_thread=True))
    host.copy(_name(size, long_thread=True), f"{_name(size, long_thread=True)}_raw")


def _name(size: int, *, long_thread: bool = False) -> str:
    return f"tk_{size}{'_long' if long_thread else ''}"


async def _measure_all(
    host: Host, sizes: Sequence[int], scenarios: Sequence[Scenario], seconds: float, *, long_thread: bool
) -> list[Row]:
    rows: list[Row] = []
    stores: list[Store] = []
    try:
        for size in sizes:
            name = _name(size, long_thread=long_thread)
            memory = await Memory.open(host.address(name), purpose="worker")
            stores.append(Store(size, memory, host.raw(f"{name}_raw")))
        for scenario in scenarios:
            _say(f"{host.name}: {scenario.name}")
            rows.append(Row(scenario, host.name, await measure(scenario, stores, seconds)))
    finally:
        for store in stores:
            store.raw.close()
            await store.memory.close()
    return rows


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


main()
