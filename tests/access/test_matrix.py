"""Every command, for everybody, on everything: what comes of it is what the policy says."""

from collections.abc import Mapping, Sequence
from itertools import groupby

import pytest
from sqlalchemy import select

from bot.storage.tables import people
from tests.access.matrix import CANARIES, NAMES, Cell, Ear, Matrix, cells_of, furnished, recorded, statements
from tests.access.policy import COMMANDS, SUBJECTS, Verdict

_DENIED = {"unknown", "gone", "nothing to forget", "no role", "nothing"}
#: Which of these words an answer may hold.
_OF_NAMED = {"own": "", "hers": "ana", "hers in a channel": "ana in general"}


def _shown(ear: Ear) -> set[str]:
    """The secret words that an answer holds."""
    return {whose for whose, word in CANARIES.items() if word in ear.everything}


def _harmless(subject: str) -> set[str]:
    """Whose words somebody may see anyhow: her own."""
    _workspace, name = NAMES[subject]
    return {"ana", "ana in general"} if name == "ana" else {name}


async def test_what_is_denied_is_denied_alike_and_changes_nothing(url: str) -> None:
    found: dict[str, object] = {}
    async with furnished(url) as matrix:
        for subject in SUBJECTS:
            # What is asked for the first time alone: who she is on the platform, where her audit ends, her place.
            for command, option in (("help", ""), ("history", "person"), ("forget message", "message")):
                await matrix.run(subject, command, {option: "x"} if option else {})
            before = await matrix.dump()
            for command, cells in groupby(cells_of(subject), key=lambda cell: cell[0]):
                denied = [cell for cell in cells if cell[2] in _DENIED]
                found |= await _attempts(matrix, subject, denied)
                after = await matrix.dump() if denied else before
                if after != before:
                    changed = {name: rows for name, rows in after.items() if rows != before[name]}
                    found[f"{subject} · {command} changed"] = changed
                before = after
    assert not found, _told(found)


async def _attempts(matrix: Matrix, subject: str, cells: Sequence[Cell]) -> dict[str, object]:
    """Try what is denied of one command; what is not as it should be. All of one verdict must be alike."""
    found: dict[str, object] = {}
    answers: dict[Verdict, tuple[str, str, list[str]]] = {}
    for command, named, expected in cells:
        for arguments in matrix.arguments(subject, COMMANDS[command], named):
            cell = f"{subject} · {command} · {named} {sorted(arguments)}"
            with statements() as asked:
                ear = await matrix.run(subject, command, arguments)
            alike, said, same = answers.setdefault(expected, (cell, ear.everything, asked))
            if ear.verdict != expected or _shown(ear):
                found[cell] = (ear.verdict, expected, _shown(ear))
            if said != ear.everything:
                found[f"{cell} differs"] = (alike, said, ear.everything)
            if same != asked:
                found[f"{cell} asks"] = (alike, sorted(set(same) ^ set(asked)))
    return found


def _told(found: Mapping[str, object]) -> str:
    """All cells that are wrong, a line for each."""
    return "\n".join(f"{cell}: {what}" for cell, what in found.items())


@pytest.mark.parametrize("subject", SUBJECTS)
async def test_what_is_allowed_runs_and_shows_no_more_than_it_may(url: str, subject: str) -> None:
    found: dict[str, object] = {}
    async with furnished(url) as matrix:
        for command, named, expected in cells_of(subject):
            if expected in _DENIED or expected == "like absent":
                continue
            rule = COMMANDS[command]
            for arguments in matrix.arguments(subject, rule, named):
                cell = f"{subject} · {command} · {named} {sorted(arguments)}"
                ear = await matrix.run(subject, command, arguments)
                if ear.verdict != expected:
                    found[cell] = (ear.verdict, expected)
                may = _harmless(subject) | _of_named(command, named, subject)
                if not _shown(ear) <= may:
                    found[f"{cell} shows"] = _shown(ear) - may
                if rule.shows and expected == "runs" and not _holds(ear, named, subject):
                    found[f"{cell} does not show"] = ear.everything
    assert not found, _told(found)


def _of_named(command: str, named: str, subject: str) -> set[str]:
    if command not in {"supervise list", "supervise open"}:
        return set()
    if command == "supervise open":
        return {_OF_NAMED.get(named, "")}
    # A list has titles.
    return {"ana in general"} if subject == "supervisor of a channel" else {"ana", "ana in general"}


def _holds(ear: Ear, named: str, subject: str) -> bool:
    name = _OF_NAMED[named] or NAMES[subject][1]
    return CANARIES.get(name, f"own-{name}") in ear.everything


@pytest.mark.parametrize("subject", ["admin", "admin elsewhere"])
async def test_to_an_admin_people_of_elsewhere_are_as_people_there_never_were(url: str, subject: str) -> None:
    found: dict[str, object] = {}
    async with furnished(url) as matrix:
        await matrix.run(subject, "help", {})
        answers: dict[tuple[str, int], tuple[str, str]] = {}
        before = await matrix.dump()
        for command, named, expected in cells_of(subject):
            if expected != "like absent":
                continue
            thing = matrix.named(subject, named)
            for number, arguments in enumerate(matrix.arguments(subject, COMMANDS[command], named)):
                cell = f"{subject} · {command} · {named} {sorted(arguments)}"
                ear = await matrix.run(subject, command, arguments)
                said = ear.everything.replace(thing.person, "WHO").replace(thing.person.replace("-", "\\-"), "WHO")
                alike = answers.setdefault((command, number), (cell, said))
                if alike[1] != said:
                    found[f"{cell} differs"] = (alike[0], alike[1], said)
                if _shown(ear) or "Zoe" in said or "Ana" in said:
                    found[f"{cell} shows"] = ear.everything
                after = await matrix.dump()
                if after != before:
                    found[f"{cell} changed"] = {name: after[name] for name in after if after[name] != before[name]}
                    before = after
    assert not found, _told(found)


async def test_each_attempt_at_what_is_not_hers_to_do_is_recorded(url: str) -> None:
    async with furnished(url) as matrix:
        for subject in SUBJECTS:
            expected: list[tuple[str, str]] = []
            before = len(await recorded(matrix))
            for command, named, verdict in cells_of(subject):
                if subject == "bot" or verdict not in {"unknown", "no role", "nothing"}:
                    continue
                for arguments in matrix.arguments(subject, COMMANDS[command], named):
                    await matrix.run(subject, command, arguments)
                    # To a scope that names no persons the list of somebody whom nobody knows is an empty one.
                    empty = command == "supervise list" and subject in {"supervisor", "supervisor of a channel"}
                    expected.append((_action(command, verdict), "done" if empty else "refused"))
            assert (await recorded(matrix))[before:] == expected, subject


def _action(command: str, verdict: Verdict) -> str:
    if verdict == "unknown":
        return command
    words = {"history": "list", "supervise form": "list"}
    return words.get(command, command.removeprefix("supervise "))


async def test_who_is_denied_at_first_contact_leaves_nothing_but_that_she_tried(url: str) -> None:
    async with furnished(url) as matrix:
        for command in ("admin setup", "supervise list"):
            rule = COMMANDS[command]
            for arguments in matrix.arguments("nobody known", rule, "hers" if rule.names else ""):
                await matrix.run("nobody known", command, arguments)
        rows = await _people(matrix, "nora")
        assert rows == [(None, True, None)]


async def _people(matrix: Matrix, name: str) -> list[tuple[object, ...]]:
    wanted = select(people.c.told_version, people.c.keeps, people.c.left_at).where(
        people.c.resource_id.endswith(f":{name}")
    )
    return await matrix.office.team.store.read(lambda connection: [tuple(row) for row in connection.execute(wanted)])
