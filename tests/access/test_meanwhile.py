"""What changes between the list and the click counts at the click: role, scope, supervision, person, conversation."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from adapters.local.ids import direct_channel
from adapters.local.inbound import place_ref
from adapters.local.world_rows import LocalPost
from bot.access.standing import ReadScope, Standing
from bot.chat import Invocation, PersonRef
from bot.commands.context import Context, Services
from bot.commands.registry import all_commands
from bot.storage.tables import messages, people, roles, scopes, threads
from tests.access.matrix import CANARIES, NO_ROLE, Ear, Matrix, furnished
from tests.bot.commands.office import WORKSPACE_ID, buttons, person_id
from tests.bot.turns.team import WORKSPACE

_NOTHING = (
    "Nothing to show. There may be no conversations, or they may be outside what you can read: {}. "
    "This request was recorded."
)
_REASON = {"category": "security"}


async def _listed(matrix: Matrix, by: str, person: str, **more: str) -> LocalPost:
    """A list of somebody's conversations, with its buttons."""
    given = {"person": person_id(person), **_REASON, **more}
    return await matrix.office.run(by, "supervise list", given)


async def _pressed(matrix: Matrix, by: str, post: LocalPost) -> dict[str, str]:
    """What comes of each button of a list that leads on."""
    wanted = [label for label in buttons(post) if label in {"1", "More", "Back", "Export", "All conversations"}]
    assert wanted
    return {label: (await matrix.office.press(by, post, label)).text for label in wanted}


async def _long(matrix: Matrix, person: str) -> None:
    """Enough conversations for a second page."""
    for number in range(6):
        await matrix.office.run(person, "new")
        await matrix.office.say(person, f"{CANARIES[person]} {number}")


async def _certified(matrix: Matrix) -> None:
    """Wait until bela was told that it is erased."""

    async def told() -> bool:
        return any("Certificate of erasure" in text for text in await matrix.office.team.answers("bela"))

    await matrix.office.team.until(told)


def _narrow(key: int, name: str) -> Callable[[Connection], None]:
    """Let a supervisor read grace alone."""

    def write(connection: Connection) -> None:
        person = connection.execute(
            select(people.c.key, people.c.created_at).where(people.c.resource_id == person_id(name))
        ).one()
        connection.execute(delete(scopes).where(scopes.c.resource_key == person.key))
        row = {"resource_key": person.key, "workspace_key": key, "granted_at": person.created_at}
        connection.execute(insert(scopes), row | {"kind": "person", "value": person_id("grace")})

    return write


async def test_a_role_that_was_taken_away_opens_nothing(url: str) -> None:
    async with furnished(url) as matrix:
        here = matrix.office
        await _long(matrix, "bela")
        listed, ask = await _listed(matrix, "olga", "bela"), await _listed(matrix, "olga", "ana")
        assert "More" in buttons(listed)
        await here.revoke("olga")

        assert set((await _pressed(matrix, "olga", listed)).values()) == {NO_ROLE}
        # Nor does she ask for more: to who is no supervisor there is no such command.
        asked = await here.press("olga", ask, "Ask an admin for access")
        assert asked.text == "There is no such command here; `help` lists what I can do."
        rows = await here.audit("action", "outcome")
        assert rows[-4:] == [(one, "refused") for one in ("open", "list", "export", "supervise ask")]
        await here.quiet()
        assert not [text for text in await here.team.answers("lin") if "wider access" in text]


async def test_a_scope_that_was_narrowed_between_two_pages_ends_there(url: str) -> None:
    async with furnished(url) as matrix:
        here = matrix.office
        await _long(matrix, "bela")
        listed = await _listed(matrix, "olga", "bela")
        found = await _listed(matrix, "olga", "bela", words=CANARIES["bela"])
        await here.team.store.write(_narrow(here.key, "olga"))

        absent = await _listed(matrix, "olga", "nobody")
        assert absent.text == _NOTHING.format("Grace")
        answers = (
            *(await _pressed(matrix, "olga", listed)).values(),
            *(await _pressed(matrix, "olga", found)).values(),
        )
        assert set(answers) == {absent.text}


async def test_supervision_that_was_switched_off_ends_there(url: str) -> None:
    async with furnished(url) as matrix:
        listed = await _listed(matrix, "grace", "ana")
        await matrix.office.run("lin", "admin settings now", {"supervision": "off"})

        absent = await _listed(matrix, "grace", "nobody")
        assert absent.text == _NOTHING.format("everyone's")
        assert set((await _pressed(matrix, "grace", listed)).values()) == {absent.text}


async def test_direct_conversations_that_were_closed_end_there_and_channels_do_not(url: str) -> None:
    async with furnished(url) as matrix:
        await matrix.office.run("lin", "admin settings now", {"supervision": "channels"})
        listed = await _listed(matrix, "grace", "ana")
        assert (CANARIES["ana in general"] in listed.text, CANARIES["ana"] in listed.text) == (True, False)
        given = {"person": person_id("ana"), "thread": matrix.things["ana"].thread, **_REASON}
        assert (await matrix.office.run("grace", "supervise open", given)).text == _NOTHING.format("everyone's")


async def test_a_person_who_was_erased_is_nobody(url: str) -> None:
    async with furnished(url) as matrix:
        here = matrix.office
        listed = await _listed(matrix, "olga", "bela")
        await here.run("bela", "forget everything", {"word": "FORGET"})

        absent = await _listed(matrix, "olga", "nobody")
        # The scope that named her is gone with her.
        assert absent.text == _NOTHING.format("nobody's")
        assert set((await _pressed(matrix, "olga", listed)).values()) == {absent.text}
        await _certified(matrix)
        assert set((await _pressed(matrix, "olga", listed)).values()) == {absent.text}


async def test_a_conversation_that_was_deleted_is_gone_for_everybody(url: str) -> None:
    async with furnished(url) as matrix:
        here = matrix.office
        own = await here.run("bela", "history")
        listed = await _listed(matrix, "olga", "bela")
        await here.run("bela", "forget conversation", {"thread": matrix.things["bela"].thread})
        await _certified(matrix)

        assert set((await _pressed(matrix, "olga", listed)).values()) == {_NOTHING.format("Bela")}
        assert (await here.press("bela", own, "1")).text == "This conversation is gone, or it is not yours."


@pytest.mark.parametrize("how", ["left", "demoted"])
async def test_an_admin_who_is_none_any_more_finds_no_command(url: str, how: str) -> None:
    async with furnished(url) as matrix:
        here = matrix.office
        shown = await here.run("lin", "admin roles", {"person": person_id("olga")})
        if how == "demoted":
            await here.revoke("lin")
            answer = (await here.press("lin", shown, "Take away supervisor")).text
        else:
            await here.team.local.leave_workspace(WORKSPACE, "lin")
            ear = await matrix.run("admin", "admin revoke now", {"person": person_id("olga"), "role": "supervisor"})
            answer = ear.everything
        assert "There is no such command here" in answer
        assert CANARIES["bela"] in (await _listed(matrix, "olga", "bela")).text


async def _too_late(matrix: Matrix, command: str, **arguments: str) -> Ear:
    """Run a command of grace, who was a supervisor of everyone when it began."""
    here, ear, declared = matrix.office, Ear(), all_commands().find(command)
    assert declared is not None
    given = {"person": person_id("ana"), **_REASON, **arguments}
    place = place_ref(WORKSPACE, {"name": direct_channel("grace"), "kind": "direct"}, "")
    invocation = Invocation(
        delivery_id=str(uuid4()),
        person=PersonRef(WORKSPACE_ID, person_id("grace")),
        place=place,
        command=command,
        arguments=given,
        responder=ear,
    )
    signals = here.team.serving.signals
    services = Services(here.team.bench, {"local": here.team.local}, all_commands(), here.recorder, signals)
    standing = Standing({"supervisor": frozenset({"granted"})}, ReadScope(everyone=True))
    await declared.run(Context(services, invocation, here.key, standing, private=True), declared.read(given))
    return ear


@pytest.mark.parametrize("how", ["no role", "left", "no scope"])
async def test_what_ends_while_a_command_runs_has_ended(url: str, how: str) -> None:
    def write(connection: Connection) -> None:
        key = connection.execute(select(people.c.key).where(people.c.resource_id == person_id("grace"))).scalar_one()
        if how == "no role":
            connection.execute(delete(roles).where(roles.c.resource_key == key))
        elif how == "no scope":
            connection.execute(delete(scopes).where(scopes.c.resource_key == key))
        else:
            connection.execute(update(people).where(people.c.key == key).values(left_at=people.c.created_at))

    async with furnished(url) as matrix:
        thread = matrix.things["ana"].thread
        asked: tuple[tuple[str, dict[str, str]], ...] = (
            ("supervise list", {}),
            ("supervise list", {"words": CANARIES["ana"]}),
            ("supervise open", {"thread": thread}),
            ("supervise export", {"thread": thread}),
        )
        assert CANARIES["ana"] in (await _too_late(matrix, "supervise list")).everything
        await matrix.office.team.store.write(write)
        ears = [await _too_late(matrix, command, **given) for command, given in asked]
        assert {ear.verdict for ear in ears} == {"nothing"}
        assert not [ear for ear in ears if CANARIES["ana"] in ear.everything]


async def test_what_was_said_off_the_record_is_its_author_s_alone(url: str) -> None:
    def write(connection: Connection) -> None:
        hers = select(threads.c.key).where(threads.c.id.in_([matrix.things[one].thread for one in whose]))
        connection.execute(update(messages).where(messages.c.thread_key.in_(hers)).values(off_record=True))

    whose = ("ana", "ana in general")
    async with furnished(url) as matrix:
        await matrix.office.team.store.write(write)
        given = {"person": person_id("ana"), **_REASON}
        ears = [await matrix.run("supervisor", "supervise list", given | {"words": CANARIES["ana"]})]
        for command in ("supervise open", "supervise export"):
            ears += [
                await matrix.run("supervisor", command, given | {"thread": matrix.things[one].thread}) for one in whose
            ]
        assert {ear.verdict for ear in ears} == {"nothing"}
        own = await matrix.run("herself", "history open", {"thread": matrix.things["ana"].thread})
        assert CANARIES["ana"] in own.everything
