"""Files that somebody still reads as they were: nothing grows meanwhile, and nobody asks without end."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.storage.columns import EPOCH
from bot.storage.scrubbing import scrub_file
from bot.storage.store import Scrubbed, Store, open_store
from bot.storage.turn_tables import jobs
from bot.supervision.erasing import clear
from bot.supervision.erasure_rows import Wanted, begin_erasure
from bot.turns.job_rows import Job
from bot.turns.jobs import NotYet
from bot.turns.scrub import scrub
from bot.turns.turn_values import Lease
from tests.bot.supervision.paper import Office, direct, office, person

ANA = person("ana")
PLENTY = 1 << 30


async def filled(path: Path) -> None:
    """A database of some megabytes."""
    await (await open_store(f"sqlite:///{path}")).close()
    with closing(sqlite3.connect(path)) as file:
        rows = [(f"workspace {number} {'x' * 20_000}", 0) for number in range(100)]
        file.executemany("INSERT INTO workspaces (id, created_at) VALUES (?, ?)", rows)
        file.commit()


def log_bytes(path: Path) -> int:
    return path.with_name(f"{path.name}-wal").stat().st_size


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.storage.scrubbing._CHECKPOINT_SECONDS", 0.2)


@pytest.mark.usefixtures("patience")
async def test_beside_a_reader_the_log_does_not_grow(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    await filled(path)
    with closing(sqlite3.connect(path)) as writing, closing(sqlite3.connect(path)) as reading:
        writing.execute("UPDATE workspaces SET created_at = 1 WHERE id LIKE 'workspace 1 %'")
        writing.commit()
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM workspaces").fetchone()
        writing.execute("UPDATE workspaces SET created_at = 2 WHERE id LIKE 'workspace 2 %'")
        writing.commit()
        before = log_bytes(path)
        results = [scrub_file(path, PLENTY) for _ in range(3)]
        after = log_bytes(path)
        reading.rollback()
        last = scrub_file(path, PLENTY)

    assert [one.done for one in results] == [False, False, False]
    assert after == before < 1_000_000
    assert last == Scrubbed(done=True)


@pytest.mark.usefixtures("patience")
async def test_beside_one_who_came_while_the_log_was_empty_it_grows_once(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    await filled(path)
    with closing(sqlite3.connect(path)) as keeping, closing(sqlite3.connect(path)) as reading:
        keeping.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM workspaces").fetchone()
        first = scrub_file(path, PLENTY)
        once = log_bytes(path)
        again = [scrub_file(path, PLENTY) for _ in range(3)]
        after = log_bytes(path)

    assert not first.done
    assert not any(one.done for one in again)
    assert after == once


class Read:
    """A store whose files are read all the time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def scrub(self, _tables: Any, _most_bytes: int) -> Scrubbed:
        return Scrubbed(done=False)


async def _progress(_words: str) -> None:
    return


def _job(kind: str, arguments: dict[str, Any]) -> Job:
    return Job(0, f"{kind}:e1", kind, arguments, None, "", None, Lease("", 0), 1, None, {})


async def _begun(at: Office, ordered: datetime) -> Job:
    await at.say(ANA, "words")
    await at.quiet()
    at.serving.worker.drain()
    await at.store.write(begin_erasure, at.scope, Wanted("e1", ANA.resource_id, "everything"), direct(ANA), ordered)
    return _job("erased", {"job": "no such job", "erasure": "e1", "places": []})


async def test_what_is_left_of_an_erasure_is_asked_about_after_longer_and_longer_pauses(url: str) -> None:
    async with office(url) as at:
        ordered = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
        job = await _begun(at, ordered)
        store: Any = Read(at.store)
        pauses = []
        for seconds in (0, 3, 60, 86_399):
            bench = replace(at.bench, store=store, now=partial(_after, ordered, seconds))
            with pytest.raises(NotYet) as waits:
                await clear(bench, job, _progress)
            pauses.append(waits.value.pause.total_seconds())

        assert pauses == [1, 3, 60, 600]


async def test_after_a_day_the_files_are_left_to_the_job_that_scrubs_them_for_everybody(url: str) -> None:
    async with office(url) as at:
        ordered = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
        job = await _begun(at, ordered)
        store: Any = Read(at.store)
        bench = replace(at.bench, store=store, now=lambda: ordered + timedelta(days=1))

        assert await clear(bench, job, _progress) == ""
        assert [row["id"] for row in await at.rows(jobs, jobs.c.kind == "scrub")] == ["scrub:2026-03-05T12:01"]


async def test_a_certificate_that_nobody_took_yet_is_waited_for_likewise(url: str) -> None:
    async with office(url) as at:
        ordered = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
        await _begun(at, ordered)
        job = _job("erased", {"job": "erase:e1", "erasure": "e1", "places": []})
        bench = replace(at.bench, now=lambda: ordered + timedelta(seconds=40))
        with pytest.raises(NotYet) as waits:
            await clear(bench, job, _progress)

        assert waits.value.pause == timedelta(seconds=40)


async def test_the_scrubbing_for_everybody_waits_longer_each_time_up_to_an_hour(url: str) -> None:
    async with office(url) as at:
        at.serving.worker.drain()
        store: Any = Read(at.store)
        moment, arguments, waited = datetime(2026, 3, 4, 0, 0, tzinfo=UTC), dict[str, Any](), []
        for _ in range(8):
            bench = replace(at.bench, store=store, now=partial(_after, moment, 0))
            await scrub(bench, _job("scrub", arguments), _progress)
            row = (await at.rows(jobs, jobs.c.kind == "scrub"))[-1]
            waited.append((row["ready_at"] - moment) // timedelta(minutes=1))
            moment, arguments = row["ready_at"], row["arguments"]

        assert waited[0] in {1, 2}
        assert waited[-2:] == [60, 60]
        assert waited == sorted(waited)
        assert (moment - EPOCH) % timedelta(hours=1) == timedelta(0)


def _after(moment: datetime, seconds: float) -> datetime:
    return moment + timedelta(seconds=seconds)
