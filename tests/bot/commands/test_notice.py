"""The notice to a person whose conversations were read: soon, once a day, or with her next private answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from adapters.local.world_rows import LocalPost
from bot.access.actor import Actor
from bot.chat import PersonRef, PlaceRef
from bot.errors import PostRefused
from bot.memory.memory import Memory
from bot.memory.values import MemoryOptions
from bot.storage.turn_tables import jobs
from tests.bot.commands.office import Office, buttons, office, person_id
from tests.bot.commands.test_privacy import change
from tests.bot.turns.steering import Platform

AT_ONCE = timedelta()
READ = "Somebody read your conversations with me:"


class Later:
    """The wall clock, and how much later it is."""

    def __init__(self) -> None:
        self.by = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.by


@asynccontextmanager
async def patient_office(url: str, now: Later) -> AsyncIterator[Office]:
    """An office where a notice waits for an hour, which the test lets pass."""
    soon = timedelta(milliseconds=200)
    async with office(url, now=now, notice_after=timedelta(hours=1), longest_backoff=soon) as here:
        yield here


async def look(here: Office, person: str = "ana", by: str = "grace", category: str = "quality review") -> LocalPost:
    return await here.run(by, "supervise list", {"person": person_id(person), "category": category})


async def notices(here: Office, person: str = "ana") -> list[LocalPost]:
    """What the bot wrote by itself; what is an answer to a command is marked as for her alone."""
    return [post for post in await here.shown(person) if post.text.startswith(READ) and not post.only_for]


async def states(here: Office) -> list[str]:
    statement = select(jobs.c.state).where(jobs.c.kind == "readings").order_by(jobs.c.key)
    return await here.team.store.read(lambda connection: list(connection.execute(statement).scalars()))


async def until_done(here: Office, *wanted: str) -> None:
    async def done() -> bool:
        return await states(here) == list(wanted)

    await here.team.until(done)


async def test_a_person_is_told_who_read_what_and_why_in_her_direct_conversation(url: str) -> None:
    now = Later()
    async with patient_office(url, now) as here:
        await here.say("ana", "a question")
        await here.press("grace", await look(here), "1")
        await look(here, category="security")
        assert await notices(here) == []
        assert len(await states(here)) == 1
        now.by = timedelta(hours=1, minutes=1)
        await here.team.until(lambda: notices(here))

        (told,) = await notices(here)
        lines = told.text.split("\n")
        assert buttons(told) == ["Privacy"]
        assert [line.partition(" UTC, ")[2] for line in lines[2:]] == [
            "security: listed them",
            "quality review: opened 1 conversation, listed them",
        ]
        assert all(line.startswith("- **Grace**, ") for line in lines[2:])
        assert "**Has read:** Grace" in (await here.press("ana", told, "Privacy")).text
        assert await notices(here, "bela") == []


async def test_on_one_day_there_is_one_notice_and_the_rest_stands_above_her_next_private_answer(url: str) -> None:
    async with office(url, notice_after=AT_ONCE) as here:
        await here.say("ana", "a question")
        await look(here)
        await until_done(here, "done")
        await look(here, category="security")
        await look(here, category="compliance")
        answer = await here.type("ana", "usage")

        assert answer.text.startswith(READ)
        assert "security" in answer.text
        assert "compliance" in answer.text
        assert "quality review" not in answer.text
        assert READ not in (await here.type("ana", "usage")).text
        assert len(await states(here)) == 2
        assert len(await notices(here)) == 1


async def test_a_day_later_a_notice_tells_of_what_was_read_since(url: str) -> None:
    now = Later()
    async with patient_office(url, now) as here:
        await here.say("ana", "a question")
        await look(here)
        now.by = timedelta(hours=2)
        await until_done(here, "done")
        await look(here, category="security")
        now.by = timedelta(hours=25)
        await look(here, category="compliance")
        assert (await states(here))[1:] in (["queued"], ["running"])
        now.by = timedelta(hours=27)
        await until_done(here, "done", "done")

        first, second = [post.text for post in await notices(here)]
        assert "quality review" in first
        assert "quality review" not in second
        assert "security" in second
        assert "compliance" in second


async def test_a_notice_that_her_private_answer_forestalled_says_nothing(url: str) -> None:
    now = Later()
    async with patient_office(url, now) as here:
        await here.say("ana", "a question")
        await look(here)
        assert (await here.type("ana", "usage")).text.startswith(READ)
        now.by = timedelta(hours=2)
        await until_done(here, "done")
        assert await notices(here) == []
        await look(here, category="security")
        now.by = timedelta(hours=4)
        await until_done(here, "done", "done")

        (told,) = await notices(here)
        assert "security" in told.text


async def test_whom_the_bot_cannot_write_to_her_next_private_answer_tells(url: str) -> None:
    async with office(url, notice_after=AT_ONCE) as here:
        await here.say("ana", "@keeper a question", channel="general")
        refuse_direct(here)
        await look(here)
        answer = await here.run("ana", "usage", channel="general")

        assert await states(here) == []
        assert answer.text.startswith(READ)
        assert answer.only_for == "ana"


def refuse_direct(here: Office) -> None:
    async def refused(person: PersonRef) -> PlaceRef:
        del person
        raise PostRefused

    here.team.local.open_dm = refused  # type: ignore[method-assign]


async def test_where_her_direct_conversation_takes_no_post_her_next_private_answer_tells(url: str) -> None:
    async with office(url, notice_after=AT_ONCE) as here:
        await here.say("ana", "@keeper a question", channel="general")
        platform = Platform(here.team)
        platform.before["answer"] += [PostRefused()]
        platform.before["stream"] += [PostRefused()]
        await look(here)

        async def failed() -> bool:
            return "failed" in await states(here)

        await here.team.until(failed)
        assert await notices(here) == []
        answer = await here.run("ana", "usage", channel="general")
        assert answer.text.startswith(READ)


async def test_a_workspace_may_choose_that_people_look_it_up_instead(url: str) -> None:
    async with office(url, notice_after=AT_ONCE) as here:
        await here.say("ana", "a question")
        await change(here, notice_of_readings=False)
        await look(here)
        shown = await here.type("ana", "privacy")

        assert READ not in shown.text
        assert "**Has read:** Grace" in shown.text
        assert await states(here) == []


async def test_what_the_operator_read_at_the_command_line_is_told_too(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a question")
        actor = Actor.operator("root@box", person=person_id("ana"), reason="a complaint")
        memory = Memory(here.team.store, here.key, MemoryOptions(), here.team.bench.now, here.recorder)
        await memory.as_actor(actor).list_threads()
        answer = await here.type("ana", "usage")

        assert "**the operator**, " in answer.text
        assert "a complaint" not in answer.text


async def test_refused_requests_and_requests_of_unknown_people_tell_nobody(url: str) -> None:
    async with office(url, notice_after=AT_ONCE) as here:
        await here.say("ana", "a question")
        await here.type("bela", "history @ana")
        await here.run("grace", "supervise list", {"person": person_id("nobody"), "category": "other"})

        assert await states(here) == []
        assert READ not in (await here.type("ana", "usage")).text


async def test_a_public_answer_tells_nobody_who_has_read(url: str) -> None:
    async with office(url, notice_after=timedelta(hours=1)) as here:
        await here.say("ana", "a question")
        await look(here)
        await here.say("ana", "@keeper another", channel="general")

        seen = [post.text for post in await here.team.seen("bela", channel="general")]
        assert not [text for text in seen if READ in text]


async def test_the_same_is_done_for_whoever_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with office(url) as here:
        await here.say("ana", "a question")
        await here.say("bela", "a question")
        await here.set_scope("grace", ("person", person_id("ana")))
        opened: list[str] = []
        open_dm = here.team.local.open_dm

        async def watched(person: PersonRef) -> PlaceRef:
            opened.append(person.resource_id)
            return await open_dm(person)

        monkeypatch.setattr(here.team.local, "open_dm", watched)

        async def queued() -> int:
            count = select(func.count()).select_from(jobs).where(jobs.c.kind.in_(("readings", "no readings")))
            return await here.team.store.read(lambda connection: int(connection.execute(count).scalar_one()))

        found = {}
        for name in ("ana", "bela", "nobody", "ana"):
            before = await queued()
            opened.clear()
            await look(here, name)
            found[name] = (await queued() - before, list(opened))
            assert found[name] == (1, [person_id(name)])
        assert len(await states(here)) == 1


NEW = "Somebody may read your conversations with me now who could not before:"


async def test_who_becomes_able_to_read_is_told_once_to_those_concerned(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a question")
        given = {"person": person_id("bela"), "role": "supervisor", "reads": person_id("ana"), "everyone": "no"}
        done = await here.run("lin", "admin grant", given)
        assert "Bela is a supervisor now" in done.text
        assert NEW not in done.text
        await here.quiet()

        told = (await here.type("ana", "usage")).text
        assert told.startswith(f"{NEW}\n\n- **Bela**, since ")
        assert "UTC: yours are named\n\n---\n\n" in told
        assert NEW not in (await here.type("ana", "usage")).text
        assert NEW not in (await here.type("grace", "usage")).text

        await here.run("lin", "admin scope add", {"person": person_id("bela"), "everyone": "yes"})
        await here.quiet()
        assert "UTC: as everyone's" in (await here.type("grace", "usage")).text
        assert "UTC: as everyone's" in (await here.type("ana", "usage")).text
        assert NEW not in (await here.type("bela", "usage")).text
        assert NEW not in (await here.type("lin", "usage")).text


async def test_where_nobody_can_read_nobody_is_told_of_readers(url: str) -> None:
    async with office(url, supervision="off") as here:
        given = {"person": person_id("bela"), "role": "supervisor", "everyone": "yes"}
        assert "Bela is a supervisor now" in (await here.run("lin", "admin grant", given)).text
        await here.quiet()
        assert NEW not in (await here.type("ana", "usage")).text
