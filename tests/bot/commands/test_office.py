"""The office that tests of commands talk to."""

from tests.bot.commands.office import office


async def test_people_talk_there_and_run_commands(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a question of ana")
        typed = await here.type("ana", "history")
        run = await here.run("bela", "history", channel="general")

        assert "a question of ana" in typed.text
        assert (run.text, run.only_for) == ("You have no conversations yet.", "bela")
        assert await here.audit("action") == []
