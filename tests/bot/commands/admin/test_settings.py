"""What a workspace chose: shown, changed, validated, in versions, and back; and what people are told of it."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from adapters.local.world_rows import LocalPost
from bot.access.disclosure_rows import newest
from bot.access.scope import Scope
from bot.access.settings_rows import Chosen, chosen_settings
from bot.access.workspace_settings import DEFAULTS
from bot.commands.admin.setting_words import ANSWERS_ALL, NOT_TOLD
from bot.storage.turn_tables import places
from tests.bot.agent.talking import prompt_text
from tests.bot.commands.office import Office, buttons, fields, office
from tests.bot.turns.steering import Steered

CONTACT = "Questions about data are answered by"
NOTICE = "People are told, unasked, when they were read"
OFFICE = replace(DEFAULTS, supervision="all", set_up=True)


def scope(team: Office) -> Scope:
    return Scope("system", team.key, ())


async def chosen(team: Office) -> Chosen:
    return await team.team.store.read(chosen_settings, scope(team))


async def disclosed(team: Office) -> Any:
    return await team.team.store.read(newest, scope(team))


async def acts(team: Office) -> list[tuple[str, str, str]]:
    return await team.audit("action", "outcome", "note")


def hints(form: LocalPost) -> dict[str, str]:
    return {one["name"]: one["hint"] for one in form.extras["form"]["fields"]}


async def test_all_settings_are_shown_with_where_they_come_from(url: str) -> None:
    async with office(url) as team:
        page = await team.type("lin", "admin settings")

        assert page.text.splitlines()[2:] == [
            "- **Supervisors may read:** all conversations (chosen here)",
            "- **People are told, unasked, when they were read:** yes (as nobody chose)",
            "- **People may speak off the record:** yes (as nobody chose)",
            "- **Messages are kept for:** 90 days (the operator's settings)",
            "- **Questions about data are answered by:** nobody (as nobody chose)",
            "- **What the bot should be like:** nothing in particular (as nobody chose)",
            "- **Model:** none; answers are made without one (the operator's settings)",
        ]


async def test_a_setting_is_changed_by_typing(url: str) -> None:
    async with office(url) as team:
        done = await team.type("lin", "admin settings contact:helpdesk notice:no")

        assert done.text.startswith("Changed; this is version 2.")
        assert (await chosen(team)).settings == replace(OFFICE, contact="helpdesk", notice_of_readings=False)
        assert await acts(team) == [("settings changed", "done", f"{CONTACT}: changed; {NOTICE}: no")]


async def test_what_deletes_is_asked_about_first(url: str) -> None:
    async with office(url) as team:
        question = await team.type("lin", "admin settings retention:30")
        assert question.text == "Messages that are older than 30 days are deleted. That cannot be undone."
        assert (await chosen(team)).version == 1
        assert await acts(team) == []

        await team.press("lin", question, "Change it")

        assert (await chosen(team)).settings.retention_days == 30
        assert (await disclosed(team)).retention_days == 30
        assert await acts(team) == [("settings changed", "done", "Messages are kept for: 30 days")]


async def test_people_who_were_told_less_are_counted(url: str) -> None:
    async with office(url, supervision="channels") as team:
        before = await disclosed(team)
        question = await team.type("lin", "admin settings supervision:all")
        done = await team.press("lin", question, "Change it")

        assert "5 people are told again what is kept and who may read it" in done.text
        assert (await disclosed(team)).version == before.version + 1


async def test_nobody_is_told_again_where_less_is_kept(url: str) -> None:
    async with office(url) as team:
        question = await team.type("lin", "admin settings supervision:off")
        done = await team.press("lin", question, "Change it")

        assert "told again" not in done.text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("retention:none", "It is a number of days, or nothing."),
        ("retention:91", "It can be at most 90, the operator's own."),
        ("retention:0", "It must be a number of days from 1 to 36,500"),
        ("channel:#nowhere mode:all", "I know no channel #nowhere; I know one from when I was first spoken to in it."),
        ("mode:all", "Please say in which channel."),
        ("supervision:everybody", "supervision must be one of: off, channels, all."),
    ],
)
async def test_what_cannot_be_is_said_and_changes_nothing(url: str, typed: str, said: str) -> None:
    async with office(url) as team:
        assert (await team.type("lin", f"admin settings {typed}")).text == said
        assert (await chosen(team)).version == 1
        assert await acts(team) == []


async def test_a_form_says_at_the_field_what_is_wrong(url: str) -> None:
    async with office(url) as team:
        page = await team.type("lin", "admin settings")
        form = await team.press("lin", page, "Keeping, and questions…")
        again = await team.send("lin", form, {"retention": "soon", "contact": "helpdesk"})

        assert hints(again)["retention"] == "Not possible: It is a number of days, or nothing."
        assert fields(again) == {"retention": "soon", "contact": "helpdesk"}
        await team.send("lin", again, {"retention": ""})
        assert (await chosen(team)).settings == replace(OFFICE, contact="helpdesk")


async def test_a_field_that_is_emptied_is_as_if_nobody_had_chosen(url: str) -> None:
    async with office(url) as team:
        await team.type("lin", "admin settings contact:helpdesk persona:kind")
        form = await team.run("lin", "admin settings form", {"group": "keeping"})
        await team.send("lin", form, {"contact": ""})

        assert (await chosen(team)).settings == replace(OFFICE, persona="kind")


async def test_a_form_that_is_older_than_the_settings_is_shown_again(url: str) -> None:
    async with office(url) as team:
        form = await team.run("lin", "admin settings form", {"group": "readers"})
        await team.type("lin", "admin settings notice:no")
        again = await team.send("lin", form, {"off_record": "no"})

        assert "somebody changed settings meanwhile" in hints(again)["supervision"]
        assert (await chosen(team)).settings == replace(OFFICE, notice_of_readings=False)


async def test_a_channel_has_a_mode_of_its_own(url: str) -> None:
    async with office(url) as team:
        await team.say("bela", "@keeper hello", channel="general")
        await team.say("ana", "@keeper hello", channel="partners")
        question = await team.type("lin", "admin settings channel:#general mode:all")
        assert question.text == (
            "Everything that is written in that channel is taken as meant for me then: answered, and kept. A notice is "
            "posted there."
        )
        assert (await chosen(team)).settings.channels == {}
        await team.press("lin", question, "Change it")
        await team.team.quiet()
        for person in ("ana", "bela"):
            told = [post for post in await team.shown(person, "general") if post.text == ANSWERS_ALL]
            assert [(post.root, post.only_for) for post in told] == [("", "")]
        form = await team.run("lin", "admin settings channel")
        await team.send("lin", form, {"channel": "partners", "mode": "off"})

        assert (await chosen(team)).settings.channels == {"general": "all", "partners": "off"}
        page = await team.type("lin", "admin settings")
        assert "- **In #general:** it answers everything (chosen here)" in page.text
        await team.type("lin", "admin settings channel:#general mode:mention")
        assert (await chosen(team)).settings.channels == {"partners": "off"}


async def test_a_channel_that_cannot_be_told_is_not_switched_on(url: str) -> None:
    async with office(url) as team:
        await team.say("bela", "@keeper hello", channel="general")
        forgotten = update(places).where(places.c.kind != "direct").values(state="gone")
        await team.team.store.write(lambda connection: connection.execute(forgotten) and None)
        question = await team.type("lin", "admin settings channel:#general mode:all")
        refused = await team.press("lin", question, "Change it")

        assert refused.text == NOT_TOLD
        assert (await chosen(team)).settings.channels == {}
        assert await acts(team) == []


async def test_going_back_to_answering_everything_is_told_in_the_channel_too(url: str) -> None:
    async with office(url) as team:
        await team.say("bela", "@keeper hello", channel="general")
        await team.press("lin", await team.type("lin", "admin settings channel:#general mode:all"), "Change it")
        await team.type("lin", "admin settings channel:#general mode:mention")
        await team.run("lin", "admin settings back", {"version": "2"})
        await team.team.quiet()

        assert [post.text for post in await team.shown("ana", "general")].count(ANSWERS_ALL) == 2


async def test_help_says_what_the_bot_does_in_a_channel(url: str) -> None:
    async with office(url) as team:
        await team.say("bela", "@keeper hello", channel="general")
        assert "Here I answer when you mention me" in (await team.run("ana", "help", channel="general")).text
        await team.press("lin", await team.type("lin", "admin settings channel:#general mode:all"), "Change it")
        await team.team.quiet()
        assert "Here I answer everything" in (await team.run("ana", "help", channel="general")).text
        await team.type("lin", "admin settings channel:#general mode:off")
        assert "switched me off in this channel" in (await team.run("ana", "help", channel="general")).text


async def test_history_shows_who_changed_what_and_leads_back(url: str) -> None:
    async with office(url) as team:
        await team.grant("bela", "admin")
        await team.type("lin", "admin settings contact:helpdesk")
        await team.team.quiet()  # Bela is told
        await team.type("bela", "admin settings off_record:no")
        await team.team.quiet()
        page = await team.run("lin", "admin settings history")

        lines = page.text.splitlines()[2:]
        assert "Bela: People may speak off the record: yes → no" in lines[0]
        assert "Lin: Questions about data are answered by: nobody → “helpdesk”" in lines[1]
        assert ", the operator: Supervisors may read: nobody's conversations → all conversations" in lines[2]
        assert buttons(page) == ["Back to 2", "Back to 1", "Back to the beginning", "All settings"]

        done = await team.press("lin", page, "Back to 1")
        assert done.text.startswith("Changed; this is version 4.")
        assert await chosen(team) == Chosen(4, OFFICE)
        assert (await acts(team))[-1] == ("settings rolled back", "done", "to version 1")


async def test_a_long_history_has_pages(url: str) -> None:
    async with office(url) as team:
        for number in range(11):
            await team.type("lin", f"admin settings contact:desk{number}")
        page, seen = await team.run("lin", "admin settings history"), []
        while True:
            seen += [line.split("**")[1] for line in page.text.splitlines() if line.startswith("- **")]
            if "Older" not in buttons(page):
                break
            page = await team.press("lin", page, "Older")

        assert seen == [f"Version {number}" for number in range(12, 0, -1)]


async def test_the_other_admins_hear_of_a_change(url: str) -> None:
    async with office(url) as team:
        await team.grant("bela", "admin")
        await team.type("lin", "admin settings notice:no")
        await team.team.quiet()

        said = "Lin changed settings of this workspace. People are told, unasked, when they were read: yes → no."
        assert said in [post.text for post in await team.shown("bela")]
        assert said not in [post.text for post in await team.shown("lin")]


async def test_what_is_so_already_changes_nothing(url: str) -> None:
    async with office(url) as team:
        assert (await team.type("lin", "admin settings notice:yes")).text == "That is so already; nothing was changed."
        assert await acts(team) == []


# The first choices


async def test_the_checklist_says_what_is_done_and_what_is_not(url: str) -> None:
    async with office(url, supervision="off") as team:
        page = await team.type("lin", "admin setup")

        lines = page.text.splitlines()[2:7]
        assert lines[0].startswith("- **To do**: **Model**: none is set")
        assert lines[1] == "- Done: **Supervision**: nobody reads other people's conversations."
        assert lines[2] == "- Done: **Keeping**: messages are kept for 90 days."
        assert lines[3].startswith("- **To do**: **Contact**")
        assert lines[4] == "- Done: **People**: 1 admin, 1 supervisor."


async def test_supervision_is_chosen_knowingly(url: str) -> None:
    async with office(url, supervision="off") as team:
        page = await team.type("lin", "admin setup")
        question = await team.press("lin", page, "Supervision…")
        assert "words that were written before stay unread" in question.text
        confirms = {one["label"]: one["confirm"] for one in question.extras["buttons"]}
        assert "direct messages included" in confirms["All of them, direct messages included"]

        done = await team.press("lin", question, "All of them, direct messages included")

        assert "5 people are told again" in done.text
        assert (await chosen(team)).settings == OFFICE
        assert (await disclosed(team)).supervision == "all"


async def test_a_test_message_comes_to_the_direct_conversation(url: str) -> None:
    async with office(url) as team:
        page = await team.run("lin", "admin setup", channel="leads")
        await team.press("lin", page, "Send me a test message")
        await team.team.quiet()

        assert [post.text for post in await team.shown("lin")] == [
            "This is the test message that you asked for: I can write to you here."
        ]


async def test_the_model_is_told_what_the_bot_should_be_like_here(url: str) -> None:
    model = Steered(["An answer."])
    async with office(url, model) as team:
        await team.type("lin", 'admin settings persona:"Speak like a pirate."')
        await team.say("ana", "hello")

    assert "Speak like a pirate." in prompt_text(model.requests[-1])
