"""What is written down outside: whole lines, from many writers, kept short."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.access.anchor import Anchor, Head, anchor_path, read_anchors
from bot.errors import StorageUnavailable

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def head(seq: int, at: datetime = NOON, workspace: str = "slack:T1", digest: str = "a") -> Head:
    return Head(workspace, seq, digest * 64, at)


def seqs(path: Path, workspace: str = "slack:T1") -> list[int]:
    return sorted(read_anchors([path]).of.get(workspace, {}))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    anchor = Anchor(tmp_path / "new folder" / "anchor")

    anchor.append([head(1), head(2, digest="b")])
    anchor.append([head(7, workspace="local:a name with blanks")])

    told = read_anchors([anchor.path])
    assert told.unreadable == 0
    assert told.of == {
        "slack:T1": {1: frozenset({"a" * 64}), 2: frozenset({"b" * 64})},
        "local:a name with blanks": {7: frozenset({"a" * 64})},
    }
    assert anchor.path.stat().st_mode & 0o777 == 0o600


def test_the_anchors_of_several_machines_are_read_together(tmp_path: Path) -> None:
    Anchor(tmp_path / "one").append([head(1)])
    Anchor(tmp_path / "two").append([head(2), head(1, digest="b")])

    told = read_anchors([tmp_path / "one", tmp_path / "two"])

    assert told.of["slack:T1"] == {1: frozenset({"a" * 64, "b" * 64}), 2: frozenset({"a" * 64})}


def test_half_a_line_spoils_no_other(tmp_path: Path) -> None:
    anchor = Anchor(tmp_path / "anchor")
    anchor.append([head(1)])
    with anchor.path.open("a") as file:
        file.write(head(2).line[:40])

    anchor.append([head(3)])

    assert seqs(anchor.path) == [1, 3]
    assert read_anchors([anchor.path]).unreadable == 1


def test_a_long_file_keeps_the_last_line_of_each_workspace_and_hour(tmp_path: Path) -> None:
    anchor = Anchor(tmp_path / "anchor", longest=10_000)
    for number in range(1, 401):
        anchor.append([head(number, NOON + timedelta(minutes=number))])
        if number == 5:
            anchor.append([head(1, workspace="slack:T2")])

    kept = seqs(anchor.path)

    assert anchor.path.stat().st_size < 20_000
    assert kept[-1] == 400
    assert {59, 119, 179, 239} <= set(kept)
    assert 100 not in kept
    assert seqs(anchor.path, "slack:T2") == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["anchor"]


def test_what_shows_that_the_audit_went_back_is_kept(tmp_path: Path) -> None:
    anchor = Anchor(tmp_path / "anchor", longest=1)

    for number in (1, 2, 3, 2, 3, 4):
        anchor.append([head(number, digest="b" if number == 2 else "a")])

    assert seqs(anchor.path) == [3, 4]


def test_many_writers_lose_nothing_also_while_it_is_made_shorter(tmp_path: Path) -> None:
    anchors = [Anchor(tmp_path / "anchor", longest=4_000) for _ in range(8)]

    def write(writer: int) -> None:
        for hour in range(50):
            anchors[writer].append([head(hour, NOON + timedelta(hours=hour), f"local:{writer}")])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))

    assert all(seqs(tmp_path / "anchor", f"local:{writer}") == list(range(50)) for writer in range(8))
    assert read_anchors([tmp_path / "anchor"]).unreadable == 0


def test_a_write_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    for impossible in (tmp_path / "file" / "anchor", tmp_path):
        with pytest.raises(StorageUnavailable, match="nothing is shown"):
            Anchor(impossible).append([head(1)])

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    Anchor(tmp_path / "anchor").append([head(1)])
    monkeypatch.setattr(os, "fsync", full)
    for name in ("anchor", "another"):
        with pytest.raises(StorageUnavailable, match="No space left"):
            Anchor(tmp_path / name).append([head(2)])


def test_an_anchor_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="cannot be read"):
        read_anchors([tmp_path / "missing"])


def test_where_it_stands(tmp_path: Path) -> None:
    assert anchor_path("sqlite:///data/a.db") == Path("data/a.db.anchor")
    assert anchor_path("postgresql://host/name") == Path("data/threadkeeper.anchor")
    assert anchor_path("postgresql://host/name", tmp_path / "x") == tmp_path / "x"
