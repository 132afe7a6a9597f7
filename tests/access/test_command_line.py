"""The command line, on a database with people of two workspaces: one's own, others' on the record, nobody else's."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from bot import Actor, Memory, NewMessage
from bot.cli.export import export
from bot.cli.history import Look, history
from bot.cli.verify_audit import verify_audit
from bot.errors import BotError, NotFound
from bot.storage.store import open_store
from bot.storage.tables import audit
from tests.engines import SECRET

SHOP, OTHER = "local:default", "local:other"
WORDS = {(SHOP, "ana"): "heron", (SHOP, "bela"): "stork", (OTHER, "ana"): "pelican"}
#: Each word of the command line by which conversations come out; `thread` is whose conversation is opened.
OWN: dict[str, Callable[[str, str], None]] = {
    "list": lambda name, _thread: history(_look(name), as_json=False),
    "json": lambda name, _thread: history(_look(name), as_json=True),
    "search": lambda name, _thread: history(_look(name, search="heron stork pelican"), as_json=False),
    "open": lambda name, thread: history(_look(name, opened=thread), as_json=False),
    "export": lambda name, _thread: _export(name, "json"),
    "export as Markdown": lambda name, _thread: _export(name, "markdown"),
}


def _look(
    name: str, person: str = "", reason: str = "", search: str = "", opened: str = "", workspace: str = SHOP
) -> Look:
    return Look(name, person, reason, search, opened, 0, workspace)


def _of(person: str, thread: str = "", search: str = "", reason: str = "a ticket") -> None:
    history(_look("operator", person, reason, search, thread), as_json=False)


def _export(name: str, form: str, output: Path | None = None, workspace: str = SHOP, reason: str = "") -> None:
    export(name, form, output, force=False, workspace=workspace, reason=reason)


async def _talk(url: str, anchor: Path) -> None:
    for (workspace, name), word in WORDS.items():
        async with await Memory.open(url, workspace=workspace, secret=SECRET, anchor=anchor) as memory:
            view = memory.as_actor(Actor.person(name))
            await view.create_thread(name, f"{workspace}-{name}", f"{word} asks")
            await view.save_messages([NewMessage(f"{workspace}-{name}", name, f"{word} asks")])


async def _recorded(url: str) -> list[tuple[str, str, str]]:
    store = await open_store(url, purpose="reader")
    try:
        wanted = select(audit.c.action, audit.c.actor_kind, audit.c.outcome).order_by(audit.c.key)
        return await store.read(lambda connection: [(row[0], row[1], row[2]) for row in connection.execute(wanted)])
    finally:
        await store.close()


@pytest.fixture
def shop(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The settings of a program that finds these people."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"DATABASE_URL": url, "SECRET_KEY": SECRET, "AUDIT_ANCHOR": str(tmp_path / "anchor")}.items():
        monkeypatch.setenv(name, value)
    asyncio.run(_talk(url, tmp_path / "anchor"))
    return url


@pytest.mark.parametrize("word", OWN)
def test_each_sees_her_own_alone(shop: str, capsys: pytest.CaptureFixture[str], word: str) -> None:
    shown = {}
    for name in ("ana", "bela", "nobody"):
        try:
            OWN[word](name, f"{SHOP}-ana")
        except NotFound as error:
            shown[name] = {str(error)}
        else:
            out = capsys.readouterr().out
            shown[name] = {one for one in WORDS.values() if one in out}
    absent = {"No thread found with id local:default-ana"} if word == "open" else set()
    bela = absent if word == "open" else {"stork"}
    assert shown == {"ana": {"heron"}, "bela": bela, "nobody": absent}
    assert asyncio.run(_recorded(shop)) == []


def test_others_are_read_on_the_record_and_never_across_workspaces(
    shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _of("ana")
    _of("ana", search="heron stork pelican")
    _of("ana", thread=f"{SHOP}-ana")
    out = capsys.readouterr().out
    assert ("heron" in out, "stork" in out, "pelican" in out) == (True, False, False)

    # Whose it is, of another workspace, or not there: alike.
    failures = []
    for thread in (f"{SHOP}-bela", f"{OTHER}-ana", "absent"):
        with pytest.raises(NotFound) as refused:
            _of("ana", thread=thread)
        failures.append(str(refused.value).replace(thread, "ID"))
    assert len(set(failures)) == 1
    answers = []
    for person in ("nobody", "local:other:ana"):
        _of(person)
        _of(person, search="heron")
        answers.append(capsys.readouterr().out)
    assert answers == ["Nothing was found.\n" * 2] * 2

    rows = asyncio.run(_recorded(shop))
    expected = ["list", "search", "open", "open", "open", "open", "list", "search", "list", "search"]
    assert [action for action, *_rest in rows] == expected
    assert {kind for _action, kind, _outcome in rows} == {"operator"}
    assert [outcome for *_rest, outcome in rows][:3] == ["done"] * 3


def test_without_a_reason_others_are_not_read_and_what_is_recorded_can_be_verified(
    shop: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for reason in ("", "  "):
        with pytest.raises(BotError, match="say why"):
            _of("ana", reason=reason)
        # In a workspace of a platform nobody is who she says.
        with pytest.raises(BotError, match="say why"):
            history(_look("ana", reason=reason, workspace=OTHER), as_json=False)
        with pytest.raises(BotError, match="say why"):
            _export("ana", "json", workspace=OTHER, reason=reason)
    assert asyncio.run(_recorded(shop)) == []
    _of("ana")
    capsys.readouterr()
    verify_audit([], sweep=False)
    said = capsys.readouterr().out
    assert f"{SHOP}: OK, 1 rows" in said
    # Nobody's words and nobody's name.
    assert not [word for word in (*WORDS.values(), "a ticket", "operator") if word in said]
    _export("ana", "json", tmp_path / "mine.json")
    assert (tmp_path / "mine.json").stat().st_mode & 0o077 == 0
    assert "heron" in json.dumps(json.loads((tmp_path / "mine.json").read_text()))


def test_in_another_workspace_whoever_reads_is_the_operator_on_the_record(
    shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    history(_look("ana", reason="a ticket", workspace=OTHER), as_json=False)
    _export("ana", "json", workspace=OTHER, reason="a ticket")
    # There nobody was told that her words may be read.
    assert not [word for word in WORDS.values() if word in capsys.readouterr().out]
    rows = asyncio.run(_recorded(shop))
    assert [action for action, *_rest in rows] == ["list", "export"]
    assert {kind for _action, kind, _outcome in rows} == {"operator"}
