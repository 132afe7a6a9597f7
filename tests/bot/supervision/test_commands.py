"""`forget` and `export` as people run them: asked about before, answered privately, reported where one is alone."""

from pathlib import Path
from typing import Any

import pytest

from bot.access.recorder import Recorder
from bot.chat import Button
from bot.commands.context import Services
from bot.commands.registry import all_commands
from bot.commands.running import Commands
from bot.storage.tables import erasures, messages, people
from bot.turns.working import Bench
from tests.bot.supervision.paper import Answers, Office, Paper, direct, office, person, thread_in

ANA, BEN = person("ana"), person("ben")


@pytest.fixture
def commands(tmp_path: Path) -> Any:
    def made(bench: Bench, paper: Paper) -> Commands:
        recorder = Recorder.at(f"sqlite:///{tmp_path}/anchors.db", secret="a" * 40, anchor=None)
        return Commands(Services(bench, {"paper": paper}, all_commands(), recorder, bench.store.signals()))

    return made


async def press(at: Office, who: Any, button: Button, **more: str) -> Answers:
    return await at.run(who, button.command, None, **{**button.arguments, **more})


async def texts(at: Office) -> list[str]:
    return [row["text"] for row in await at.rows(messages, messages.c.role == "user")]


def label(answers: Answers, beginning: str) -> Button:
    (found,) = [one for one in answers.replies[-1].buttons if one.label.startswith(beginning)]
    return found


async def test_forget_says_what_there_is_and_does_nothing_by_itself(url: str, commands: Any) -> None:
    async with office(url, invoke=commands) as at:
        await at.say(ANA, "words")
        await at.quiet()
        answers = await at.run(ANA, "forget")
        for what in ("last", "here", "conversation", "everything"):
            await at.run(ANA, "forget", what=what)

        assert [one.command for one in answers.replies[0].buttons] == ["forget"] * 4
        assert {one.person for one in answers.replies[0].buttons} == {ANA.resource_id}
        assert await texts(at) == ["words"]
        assert await at.rows(erasures) == []


async def test_the_last_message_goes_after_it_was_asked_for_and_confirmed(url: str, commands: Any) -> None:
    async with office(url, invoke=commands) as at:
        await at.say(ANA, "first words")
        await at.quiet()
        await at.say(ANA, "secret words")
        await at.quiet()
        button = label(await at.run(ANA, "forget", what="last"), "Forget it")
        assert button.style == "danger"
        assert button.confirm
        answers = await press(at, ANA, button)

        (certificate,) = await at.until(lambda: at.reports(direct(ANA), "**Certificate"))
        await at.quiet()
        assert await texts(at) == ["first words"]
        (row,) = await at.rows(erasures)
        assert row["id"] in certificate.text
        assert row["id"] in answers.replies[-1].text
        assert answers.replies[-1].text.startswith("It is erased. ")


async def test_what_others_may_still_read_until_the_job_is_done_is_not_called_gone(url: str, commands: Any) -> None:
    where = thread_in()
    async with office(url, invoke=commands) as at:
        await at.say(ANA, "her words", where)
        await at.say(BEN, "his words", where)
        await at.quiet()
        at.serving.worker.drain()
        answers = await at.run(ANA, "forget conversation", where, thread=where.place_id)

        assert "others who could read it may still see it" in answers.replies[-1].text
        assert "her words" in await texts(at)


async def test_another_person_s_button_forgets_nothing(url: str, commands: Any) -> None:
    async with office(url, invoke=commands) as at:
        await at.say(ANA, "secret words")
        await at.quiet()
        for what, beginning in (("last", "Forget it"), ("here", "Forget this")):
            button = label(await at.run(ANA, "forget", what=what), beginning)
            answers = await press(at, BEN, button)
            assert "nothing of that kind" in answers.replies[-1].text

        assert await texts(at) == ["secret words"]


async def test_a_conversation_is_chosen_from_a_list(url: str, commands: Any) -> None:
    async with office(url, invoke=commands) as at:
        await at.say(ANA, "in the channel", thread_in())
        await at.quiet()
        await at.say(ANA, "by ourselves")
        await at.quiet()
        await at.say(BEN, "his")
        await at.quiet()
        answers = await at.run(ANA, "forget", what="conversation")
        shown = answers.replies[-1]
        assert [one.label for one in shown.buttons] == ["1", "2"]
        assert "his" not in shown.text
        await press(at, ANA, shown.buttons[1])
        await at.until(lambda: at.reports(direct(ANA), "**Certificate"))
        await at.quiet()

        assert await texts(at) == ["by ourselves", "his"]


@pytest.mark.parametrize("word", ["forget", "FORGET "])
async def test_everything_goes_when_the_word_was_typed(url: str, commands: Any, word: str) -> None:
    async with office(url, invoke=commands) as at:
        await at.say(ANA, "secret words")
        await at.say(BEN, "his")
        await at.quiet()
        offered = label(await at.run(ANA, "forget", what="everything"), "Forget everything")
        (form,) = (await press(at, ANA, offered)).forms
        (field,) = form.fields
        wrong = await at.run(ANA, form.command, None, **{field.name: "yes"})
        assert "Nothing was forgotten" in wrong.replies[-1].text
        assert "secret words" in await texts(at)
        await at.run(ANA, form.command, None, **{field.name: word})
        await at.until(lambda: at.reports(direct(ANA), "**Certificate"))
        await at.quiet()

        assert await texts(at) == ["his"]
        assert [row["resource_id"] for row in await at.rows(people)] == [BEN.resource_id]


async def test_from_a_channel_the_certificate_and_the_file_go_to_the_direct_conversation(
    url: str, commands: Any
) -> None:
    async with office(url, invoke=commands) as at:
        where = thread_in()
        await at.say(ANA, "before all", where)
        await at.quiet()
        await at.run(ANA, "export", where)
        await at.until(lambda: [one for one in at.posts(direct(ANA)) if one.files])
        button = label(await at.run(ANA, "forget", where, what="here"), "Forget this")
        await at.run(ANA, button.command, where, **button.arguments)
        await at.until(lambda: at.reports(direct(ANA), "**Certificate"))
        await at.quiet()

        assert at.reports(where, "**Certificate") == []
        assert [one for one in at.posts(where) if one.files] == []


async def test_who_cannot_be_written_to_is_told_the_certificate_s_number_and_gets_no_export(
    url: str, commands: Any
) -> None:
    shy, where = person("shy", "Nobody"), thread_in()
    async with office(url, invoke=commands) as at:
        await at.say(shy, "words", where)
        await at.quiet()
        assert "cannot send you" in (await at.run(shy, "export", where)).replies[-1].text
        answers = await at.run(shy, "forget everything", where, word="FORGET")
        await at.quiet()

        (row,) = await at.rows(erasures)
        assert row["id"] in answers.replies[-1].text
        assert await texts(at) == []


async def test_of_whom_nothing_is_kept_nothing_is_forgotten_or_exported(url: str, commands: Any) -> None:
    async with office(url, invoke=commands) as at:
        assert "nothing of that kind" in (await at.run(ANA, "forget everything", word="FORGET")).replies[-1].text
        assert "Nothing is kept" in (await at.run(ANA, "export")).replies[-1].text
        assert "Nothing of yours" in (await at.run(ANA, "forget", what="here")).replies[-1].text
        assert await at.rows(people) == []
