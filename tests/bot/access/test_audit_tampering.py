"""Each way to falsify the audit is found, and named."""

import shutil
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from bot import Actor, Memory
from bot.access.chain import Link, digest_of
from bot.access.secret import Secrets
from bot.storage.tables import audit, audit_heads
from tests.bot.access.recording import WORKSPACE, recorded
from tests.engines import SECRET

ROWS = 7

#: Columns, each with another value.
CHANGES = {
    "at": "at + 1",
    "actor_id": "'somebody'",
    "actor_kind": "'admin'",
    "action": "'open'",
    "subject_id": "NULL",
    "object_id": "'0123456789abcdef'",
    "outcome": "'refused'",
    "category": "'quality'",
    "note": "'no reason at all'",
    "digest": f"'{'0' * 64}'",
    "workspace_key": "(SELECT key FROM workspaces WHERE id = 'slack:T1')",
    "seq": "1000",
    "key": "100000",
}


async def test_what_nobody_touched_is_whole(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor", ROWS) as record:
        verdict = (await record.verdicts())[WORKSPACE]

        assert (verdict.chained, verdict.unchained, verdict.damage) == (ROWS, 0, None)
        assert await record.damage(anchored=False) is None


def test_every_column_is_changed_below() -> None:
    assert set(CHANGES) == {column.name for column in audit.columns}


@pytest.mark.parametrize("row", [1, 4, ROWS])
@pytest.mark.parametrize("column", list(CHANGES))
async def test_a_changed_column_is_found(url: str, tmp_path: Path, column: str, row: int) -> None:
    async with recorded(url, tmp_path / "anchor", ROWS) as record:
        await record.change(
            "INSERT INTO workspaces (id, created_at) VALUES ('slack:T1', 0)",
            f"UPDATE audit SET {column} = {CHANGES[column]} WHERE seq = {row}",
        )
        found = await record.verdicts(anchored=False)

    damage = found[WORKSPACE].damage
    if column == "key" and row == ROWS:
        # The newest row's key says nothing that the order of the others would contradict.
        assert damage is None
        return
    assert damage is not None
    if column in {"workspace_key", "seq"}:
        assert (damage.kind, damage.seq) == ("cut off" if row == ROWS and column != "seq" else "missing", row)
    elif column == "key":
        assert damage.seq == row + 1
    else:
        assert (damage.kind, damage.seq) == ("changed", row)


@pytest.mark.parametrize("row", [1, 4])
async def test_a_deleted_row_is_found(url: str, tmp_path: Path, row: int) -> None:
    async with recorded(url, tmp_path / "anchor", ROWS) as record:
        await record.change(f"DELETE FROM audit WHERE seq = {row}")

        assert await record.damage(anchored=False) == ("missing", row)


@pytest.mark.parametrize("row", [1, 4])
async def test_a_deleted_row_is_found_though_the_others_got_its_number(url: str, tmp_path: Path, row: int) -> None:
    async with recorded(url, tmp_path / "anchor", ROWS) as record:
        await record.change(
            f"DELETE FROM audit WHERE seq = {row}",
            *(f"UPDATE audit SET seq = {one - 1} WHERE seq = {one}" for one in range(row + 1, ROWS + 1)),
            f"UPDATE audit_heads SET seq = {ROWS - 1}",
        )

        assert await record.damage(anchored=False) == ("missing", row)


async def test_rows_that_changed_places_are_found(url: str, tmp_path: Path) -> None:
    for first, second in ((2, 3), (2, 6)):
        async with recorded(url, tmp_path / "anchor", 0) as record:
            await record.acts(max(ROWS - len(await record.rows()), 0))
            swap = (
                "UPDATE audit SET seq = 99 WHERE seq = {0}",
                "UPDATE audit SET seq = {0} WHERE seq = {1}",
                "UPDATE audit SET seq = {1} WHERE seq = 99",
            )
            statements = [one.format(first, second) for one in swap]
            await record.change(*statements)

            assert await record.damage(anchored=False) == ("moved", first)

            await record.change(*statements)
            assert await record.damage() is None


async def test_an_inserted_row_is_found(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor", ROWS) as record:
        await record.change(
            *(f"UPDATE audit SET seq = {one + 1} WHERE seq = {one}" for one in range(ROWS, 3, -1)),
            "INSERT INTO audit (workspace_key, seq, at, actor_id, actor_kind, action, digest) "
            f"VALUES (1, 4, 0, 'somebody', 'admin', 'list', '{'a' * 64}')",
            f"UPDATE audit_heads SET seq = {ROWS + 1}",
        )

        assert await record.damage(anchored=False) == ("inserted", 4)


async def test_a_row_before_the_beginning_is_found(url: str, tmp_path: Path) -> None:
    for seq in (0, -5):
        async with recorded(url, tmp_path / "anchor", 1) as record:
            await record.change(
                "INSERT INTO audit (workspace_key, seq, at, actor_id, actor_kind, action, digest) "
                f"VALUES (1, {seq}, 0, 'somebody', 'admin', 'list', '')"
            )

            assert await record.damage(anchored=False) == ("inserted", seq)


@pytest.mark.parametrize("digest", ["a" * 64, ""])
async def test_a_row_behind_the_end_is_found(url: str, tmp_path: Path, digest: str) -> None:
    async with recorded(url, tmp_path / "anchor", ROWS) as record:
        await record.change(
            "INSERT INTO audit (workspace_key, seq, at, actor_id, actor_kind, action, digest) "
            f"VALUES (1, {ROWS + 1}, 0, 'somebody', 'admin', 'list', '{digest}')"
        )

        assert await record.damage(anchored=False) == ("inserted", ROWS + 1)


async def test_a_cut_off_end_is_found(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor", ROWS) as record:
        await record.change(f"DELETE FROM audit WHERE seq > {ROWS - 2}")
        assert await record.damage(anchored=False) == ("cut off", ROWS - 1)

        await record.change(
            f"UPDATE audit_heads SET seq = {ROWS - 2}, digest = (SELECT digest FROM audit WHERE seq = {ROWS - 2})"
        )
        assert await record.damage(anchored=False) is None, "the chain alone cannot know"
        assert await record.damage() == ("older", ROWS - 1)


async def test_an_audit_that_is_gone_is_found(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor", ROWS) as record:
        await record.change("DELETE FROM audit", "DELETE FROM audit_heads")
        assert await record.damage() == ("older", 1)


async def test_a_head_that_was_changed_is_found(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor", ROWS) as record:
        await record.change(f"UPDATE audit_heads SET digest = '{'0' * 64}'")
        assert await record.damage(anchored=False) == ("changed", ROWS)
        await record.change(f"UPDATE audit_heads SET seq = {ROWS - 1}")
        assert await record.damage(anchored=False) == ("inserted", ROWS)
        await record.change("DELETE FROM audit_heads")
        assert await record.damage(anchored=False) == ("changed", ROWS)


def rewrite(connection: Connection, secret: str, note: str) -> None:
    """Write the whole chain anew, with its head."""
    rows = connection.execute(select(audit).order_by(audit.c.seq)).all()
    previous = WORKSPACE
    for row in rows:
        fields = {name: getattr(row, name) for name in Link.__slots__ if name != "digest"} | {"note": note}
        previous = digest_of(Secrets.of(secret).audit, WORKSPACE, Link(**fields), previous)
        connection.execute(update(audit).where(audit.c.seq == row.seq).values(note=note, digest=previous))
    connection.execute(update(audit_heads).values(digest=previous))


async def test_a_chain_written_anew_without_the_key_is_found(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor", ROWS) as record:
        await record.store.write(rewrite, "another secret, of whoever rewrites it", "nothing happened")

        assert await record.damage(anchored=False) == ("changed", 1)


async def test_a_chain_written_anew_with_the_key_is_found_by_the_anchor(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor", ROWS) as record:
        await record.store.write(rewrite, SECRET, "nothing happened")

        assert await record.damage(anchored=False) is None, "the chain alone cannot know"
        assert await record.damage() == ("fork", 1)


async def test_a_chain_whose_digests_were_taken_away_is_found(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor", ROWS) as record:
        await record.change("UPDATE audit SET digest = '' WHERE seq = 1")
        assert await record.damage(anchored=False) == ("changed", 2)
        await record.change("UPDATE audit SET digest = '' WHERE seq = 3")
        assert await record.damage(anchored=False) is not None
        await record.change("UPDATE audit SET digest = ''", "DELETE FROM audit_heads")
        assert await record.damage(anchored=False) is None, "the chain alone cannot know"
        assert await record.damage() == ("changed", 1)


def table_contents(connection: Connection) -> list[dict[str, object]]:
    return [dict(row._mapping) for row in connection.execute(select(audit))]


async def test_an_old_database_that_was_put_back_is_found(url: str, engine: str, tmp_path: Path) -> None:
    """Of a file the file itself; of a server what a restored dump would hold."""
    async with recorded(url, tmp_path / "anchor", 3) as record:
        kept = await record.store.read(table_contents)
        head = await record.store.read(lambda connection: dict(connection.execute(select(audit_heads)).one()._mapping))
        if engine == "sqlite":
            await record.change("DELETE FROM workspaces WHERE id = 'no such'")
    if engine == "sqlite":
        shutil.copy(url.removeprefix("sqlite:///"), tmp_path / "old.db")
    async with recorded(url, tmp_path / "anchor", 4):
        pass
    if engine == "sqlite":
        shutil.copy(tmp_path / "old.db", url.removeprefix("sqlite:///"))

    async with recorded(url, tmp_path / "anchor") as record:
        if engine == "postgresql":

            def restore(connection: Connection) -> None:
                connection.execute(delete(audit))
                connection.execute(insert(audit), kept)
                connection.execute(update(audit_heads).values(seq=head["seq"], digest=head["digest"]))

            await record.store.write(restore)
        assert await record.damage(anchored=False) is None
        assert await record.damage() == ("older", 4)

        await record.lead("somebody else").list_threads()
        assert await record.damage() == ("fork", 4)


async def test_every_workspace_is_verified_by_itself(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor", 2) as record:
        async with await Memory.open(url, workspace="slack:T1", secret=SECRET, anchor=tmp_path / "anchor") as other:
            await other.as_actor(Actor.supervisor("chief", persons=["bob"], reason="review")).list_threads()
        await record.change("UPDATE audit SET note = 'x' WHERE workspace_key = 1")

        found = await record.verdicts()

        assert {name: one.damage is None for name, one in found.items()} == {WORKSPACE: False, "slack:T1": True}
        await record.change(
            "DELETE FROM audit WHERE workspace_key = 2",
            "DELETE FROM audit_heads WHERE workspace_key = 2",
            "DELETE FROM disclosures WHERE workspace_key = 2",
            "DELETE FROM people WHERE workspace_key = 2",
            "DELETE FROM workspaces WHERE key = 2",
        )
        gone = (await record.verdicts())["slack:T1"].damage
        assert gone is not None
        assert gone.kind == "older"


async def test_rows_from_before_the_chain_are_counted_and_allowed_at_the_beginning_alone(
    url: str, tmp_path: Path
) -> None:
    before = (
        "INSERT INTO audit (workspace_key, seq, at, actor_id, actor_kind, action, digest) "
        "VALUES (1, {0}, 0, 'lead', 'supervisor', 'list', '')"
    )
    async with recorded(url, tmp_path / "anchor") as record:
        await record.change(before.format(1), before.format(2))
        await record.acts(2)

        verdict = (await record.verdicts())[WORKSPACE]
        assert (verdict.chained, verdict.unchained, verdict.damage) == (2, 2, None)
        assert [row.seq for row in await record.rows()] == [1, 2, 3, 4]

        await record.change("DELETE FROM audit WHERE seq = 1")
        assert await record.damage(anchored=False) == ("missing", 1)


async def test_many_rows_are_verified_in_portions(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.access.verification._PORTION", 3)
    for count in (2, 3, 4):
        async with recorded(url, tmp_path / "anchor", count) as record:
            assert await record.damage() is None
    async with recorded(url, tmp_path / "anchor") as record:
        assert (await record.verdicts())[WORKSPACE].chained == 9
        await record.change("UPDATE audit SET note = 'x' WHERE seq = 8")
        assert await record.damage() == ("changed", 8)


def test_no_two_rows_are_written_alike() -> None:
    from tests.bot.access.recording import clock

    key, link = b"k" * 32, Link(1, clock().now, "ab", "c", "d", None, "", "done", "", "")
    others: list[dict[str, Any]] = [
        {"actor_id": "a", "actor_kind": "bc"},
        {"actor_id": "abc", "actor_kind": ""},
        {"subject_id": ""},
        {"subject_id": "None"},
        {"at": link.at + timedelta(microseconds=1)},
        {"category": "done", "outcome": ""},
        {"seq": 11},
    ]
    digests = {digest_of(key, "w", Link(**{**asdict(link), **one}), "p") for one in [{}, *others]}
    digests |= {digest_of(key, "wp", link, ""), digest_of(key, "", link, "wp"), digest_of(b"j" * 32, "w", link, "p")}

    digests.add(digest_of(key, "another", link, "p"))
    assert len(digests) == len(others) + 5
