"""The office that tests of commands talk to."""

from sqlalchemy import select

from bot.storage.tables import people
from tests.bot.commands.office import office, person_id
from tests.bot.turns.team import WORKSPACE


async def test_people_talk_there_and_run_commands(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a question of ana")
        typed = await here.type("ana", "history")
        run = await here.run("bela", "history", channel="general")

        assert "a question of ana" in typed.text
        assert (run.text, run.only_for) == ("You have no conversations yet.", "bela")
        assert await here.audit("action") == []


async def test_whoever_runs_nothing_but_commands_is_known_by_her_name(url: str) -> None:
    async with office(url) as here:
        await here.set_person("grace", name="")
        await here.run("grace", "help")
        statement = select(people.c.name).where(people.c.resource_id == person_id("grace"))
        name = await here.team.store.read(lambda connection: connection.execute(statement).scalar_one())
        (known,) = [one.shown_name for one in await here.team.local.people(WORKSPACE) if one.name == "grace"]
        assert name == known != ""
