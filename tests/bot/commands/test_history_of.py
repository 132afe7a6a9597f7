"""`history` of another person: who may, where, what is shown, and what is recorded of it."""

import asyncio
from base64 import b64decode

import pytest

from adapters.local.world_rows import LocalPost
from bot.chat import Reply
from bot.commands.kinds import JOB_KINDS
from bot.errors import NotAllowed
from bot.supervision.others_rows import REPORT
from bot.supervision.report_export import report
from bot.turns.job_rows import Job
from bot.turns.jobs import Progress
from bot.turns.working import Bench
from tests.bot.commands.office import Office, buttons, fields, office, person_id
from tests.bot.turns.steering import Steered

NO_ROLE = "Only supervisors can open other people's conversations here. Yours: history. This request was recorded."
NOTHING = (
    "Nothing to show. There may be no conversations, or they may be outside what you can read: {}. "
    "This request was recorded."
)
REASON = {"category": "quality review"}


async def opened(here: Office, person: str = "ana", by: str = "grace", **more: str) -> LocalPost:
    """The list of somebody's conversations, by way of the form."""
    form = await here.run(by, "history", {"person": person_id(person)})
    return await here.send(by, form, {**REASON, **more})


async def test_without_the_role_one_sentence_answers_and_the_request_is_recorded(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a secret of ana")
        member = await here.type("bela", "history @ana")
        nobody = await here.type("bela", "history @nobody")
        admin = await here.type("lin", "history @ana")

        assert [one.text for one in (member, nobody, admin)] == [NO_ROLE] * 3
        assert [buttons(one) for one in (member, nobody, admin)] == [[], [], []]
        rows = await here.audit("action", "actor_kind", "outcome", "subject_id")
        assert [row[:3] for row in rows] == [
            ("list", "person", "refused"),
            ("list", "person", "refused"),
            ("list", "admin", "refused"),
        ]
        assert [row[3] is None for row in rows] == [False, True, False]


async def test_with_the_role_a_form_asks_for_the_reason_before_anything_is_read_or_recorded(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a secret of ana")
        form = await here.type("grace", "history @ana words:secret from:2026-01-01")

        assert "She will see your name and the reason" in form.text
        filled = {name: value for name, value in fields(form).items() if value}
        assert filled == {"person": person_id("ana"), "words": "secret", "from": "2026-01-01"}
        assert await here.audit("action") == []
        with pytest.raises(Exception, match="Reason is missing"):
            await here.send("grace", form, {"note": "no category"})


async def test_a_supervisor_lists_opens_searches_and_exports_and_each_is_one_row_of_the_audit(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a question of ana about billing")
        await here.say("bela", "a question of bela about billing")

        listed = await opened(here, note="the customer complained")
        assert "**Conversations of Ana** (1)" in listed.text
        assert "Reason: quality review. Ana sees that you looked" in listed.text
        assert (listed.only_for, buttons(listed)) == ("grace", ["1", "Change…", "Export"])
        transcript = await here.press("grace", listed, "1")
        assert "> a question of ana about billing" in transcript.text
        assert "**Ana**" in transcript.text
        assert "**Tess**\n\n> An answer." in transcript.text
        assert "bela" not in transcript.text.lower()
        found = await here.press("grace", listed, "Change…")
        found = await here.send("grace", found, {"words": "billing", **REASON})
        assert "found for “billing” (1)" in found.text
        ordered = await here.press("grace", transcript, "Export")
        assert "The export is being made" in ordered.text
        await here.quiet()

        rows = await here.audit("action", "actor_kind", "outcome", "category", "note")
        assert rows == [
            ("list", "supervisor", "done", "quality review", "the customer complained"),
            ("open", "supervisor", "done", "quality review", ""),
            ("search", "supervisor", "done", "quality review", ""),
            ("export", "supervisor", "done", "quality review", ""),
        ]
        objects = [row[0] for row in await here.audit("object_id")]
        assert objects[0] == objects[2] == ""
        assert objects[1] == objects[3] != ""


async def test_whatever_the_cause_one_sentence_says_that_there_is_nothing(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a secret of ana")
        await here.grant("bela", "supervisor", ("person", person_id("grace")))
        people = [person_id(name) for name in ("ana", "nobody", "gus", "grace")] + ["local:elsewhere:ana", "ana"]
        answers = [await here.run("bela", "supervise list", {"person": one, **REASON}) for one in people]
        answers += [
            await here.run("bela", "supervise list", {"person": one, "words": "secret", **REASON}) for one in people
        ]
        answers += [
            await here.run("bela", command, {"person": one, "thread": "@ana", **REASON})
            for one in people
            for command in ("supervise open", "supervise export")
        ]

        assert {one.text for one in answers} == {NOTHING.format("Grace")}
        assert {tuple(buttons(one)) for one in answers} == {("Ask an admin for access",)}
        rows = await here.audit("action", "outcome")
        refused, done = ["refused"] * 3, ["done"]
        assert [outcome for action, outcome in rows if action == "list"] == [*refused, *done, "refused", "refused"]
        assert {outcome for action, outcome in rows if action in {"open", "export"}} == {"refused"}


async def test_a_scope_of_a_channel_shows_what_was_said_there_alone(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "said in private")
        await here.say("ana", "@keeper said in general", channel="general")
        await here.grant("bela", "supervisor", ("channel", "general"))
        listed = await opened(here, by="bela")
        assert "(1)" in listed.text
        transcript = await here.press("bela", listed, "1")
        assert "said in general" in transcript.text
        found = await opened(here, by="bela", words="private")

        assert found.text == NOTHING.format("in #general")


async def test_days_and_channel_narrow_a_list_and_a_search(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "boats in private")
        await here.say("ana", "@keeper boats in general", channel="general")
        today = f"{here.team.bench.now():%Y-%m-%d}"
        for words in ({}, {"words": "boats"}):
            both = await opened(here, **words, **{"from": today, "to": today})
            assert "(2)" in both.text
            one = await opened(here, **words, channel="#general")
            assert "(1)" in one.text
            none = await opened(here, **words, to="2020-01-01")
            assert none.text == NOTHING.format("everyone's")
            later = await opened(here, **words, **{"from": "2099-01-01"})
            assert later.text == NOTHING.format("everyone's")


async def test_words_that_were_not_said_under_such_a_disclosure_are_not_there(url: str) -> None:
    async with office(url, supervision="channels") as here:
        await here.say("ana", "said in private")
        nothing = await opened(here)
        await here.say("ana", "@keeper said in general", channel="general")
        listed = await opened(here)

        assert nothing.text == NOTHING.format("everyone's")
        assert "(1)" in listed.text
        assert "private" not in (await here.press("grace", listed, "1")).text


@pytest.mark.parametrize("by", ["grace", "bela"])
async def test_what_no_database_takes_is_refused_with_a_sentence(url: str, by: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a secret of ana")
        ana = {"person": person_id("ana"), **REASON}
        asked = [
            ("supervise list", ana | {"person": "an\0a"}, "person must hold printable characters only"),
            ("supervise list", ana | {"person": "x" * 513}, "person may have at most 512 characters."),
            ("supervise open", ana | {"thread": "t\0"}, "thread must hold printable characters only"),
            ("supervise export", ana | {"thread": "t\ud800"}, "thread must hold printable characters only"),
            ("supervise list", ana | {"category": "curiosity"}, "category must be one of: quality review"),
            ("supervise list", ana | {"from": "yesterday"}, "from must be a date"),
        ]
        for command, arguments, sentence in asked:
            assert (await here.run(by, command, arguments)).text.startswith(sentence)
        answer = await here.run(by, "supervise list", ana | {"note": "a\0note \ud800"})

        assert answer.text.startswith("**Conversations of Ana**" if by == "grace" else NO_ROLE)
        assert await here.audit("action", "note") == [("list", "a\ufffdnote \ufffd")]


async def test_who_left_is_still_found_and_a_supervisor_who_left_finds_nobody(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "said before she left")
        await here.team.local.leave_workspace("team", "ana")
        await here.set_person("ana", left_at=here.team.bench.now())
        assert "(1)" in (await opened(here)).text
        form = await here.run("grace", "history", {"person": person_id("ana")})
        await here.set_person("grace", left_at=here.team.bench.now())

        assert (await here.send("grace", form, REASON)).text == NO_ROLE


async def test_the_admins_hear_that_a_supervisor_asks_for_access_once(url: str) -> None:
    async with office(url) as here:
        await here.grant("bela", "supervisor")
        nothing = await opened(here, by="bela")
        assert nothing.text == NOTHING.format("nobody's")
        asked = await here.press("bela", nothing, "Ask an admin for access")
        again = await here.press("bela", nothing, "Ask an admin for access")
        await here.quiet()

        assert asked.text.startswith("The admins hear of it.")
        assert again.text.startswith("The admins have heard of it already")
        said = [post.text for post in await here.shown("lin")]
        assert said == [
            "Bela asks for wider access to other people's conversations. `admin roles` shows and changes it."
        ]


async def test_names_titles_and_words_are_text_and_nothing_else(url: str) -> None:
    async with office(url, Steered(["# an answer"])) as here:
        await here.team.local.settle("team", "ana", "**Ana** [x](http://x)")
        await here.say("ana", "# [click](http://x) <b>hm</b>\n=1+1")
        listed = await opened(here)
        transcript = await here.press("grace", listed, "1")
        await here.press("grace", listed, "Export")
        await here.quiet()
        (export,) = [post for post in await here.shown("grace") if post.extras.get("files")]

        assert "Conversations of \\*\\*Ana" in export.text
        for post in (listed, transcript, export):
            assert "[click](" not in post.text
            assert "[x](" not in post.text
            assert "<b>" not in post.text
        assert "> \\# an answer" in transcript.text


async def test_a_role_that_was_taken_away_between_list_and_click_opens_nothing(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a secret of ana")
        listed = await opened(here)
        await here.revoke("grace")
        for label in ("1", "Export", "Change…"):
            refused = await here.press("grace", listed, label)
            assert refused.text == NO_ROLE
        rows = await here.audit("action", "actor_kind", "outcome")
        assert rows[1:] == [(one, "person", "refused") for one in ("open", "export", "list")]


async def test_a_scope_that_was_narrowed_between_list_and_click_opens_nothing(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a secret of ana")
        listed = await opened(here)
        await here.revoke("grace")
        await here.grant("grace", "supervisor", ("person", person_id("bela")))
        texts = [(await here.press("grace", listed, label)).text for label in ("1", "Export")]

        assert texts == [NOTHING.format("Bela")] * 2


async def test_nobody_else_presses_a_supervisors_button(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a secret of ana")
        button = await here.run("grace", "history", {"person": person_id("ana")}, channel="general")
        (token,) = [one["token"] for one in button.extras["buttons"]]
        with pytest.raises(LookupError):
            await here.team.local.press("team", button.id, "bela", token)
        public = await here.team.say("ana", "hello", channel="general")
        with pytest.raises(NotAllowed):
            await here.team.local.press("team", public, "bela", token)

        assert await here.audit("action") == []


async def test_in_a_channel_a_button_answers_that_names_nobody(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a secret of ana")
        button = await here.type("grace", "@keeper history @ana", channel="general")
        assert (buttons(button), button.only_for) == (["Open it here, privately"], "grace")
        assert "ana" not in button.text.lower().split()
        form = await here.press("grace", button, "Open it here, privately")
        assert form.only_for == "grace"
        listed = await here.send("grace", form, REASON)
        assert "**Conversations of Ana** (1)" in listed.text
        transcript = await here.press("grace", listed, "1")
        assert "a secret of ana" in transcript.text
        await here.press("grace", transcript, "Export")
        await here.quiet()

        seen = [post.text for name in ("ana", "bela", "lin") for post in await here.team.seen(name, channel="general")]
        assert not [text for text in seen if "secret" in text or "Conversations of" in text]
        (file,) = [post for post in await here.shown("grace") if post.extras.get("files")]
        assert file.channel == "@grace"


async def test_where_somebody_from_outside_can_read_nothing_is_begun(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a secret of ana")
        refused = await here.run("grace", "history", {"person": person_id("ana")}, channel="partners")
        given = {"person": person_id("ana"), **REASON}
        also = await here.run("grace", "supervise list", given, channel="partners")

        assert refused.text.startswith("Other people's conversations cannot be opened in this place")
        assert also.text == refused.text
        assert await here.audit("action", "outcome") == [("list", "refused")] * 2


async def test_her_own_conversations_are_no_matter_of_supervision(url: str) -> None:
    async with office(url) as here:
        own = await here.type("grace", "history @grace")
        assert "`history` shows them" in own.text
        assert await here.audit("action") == []


async def test_third_parties_stay_unread_in_what_a_supervisor_sees_and_exports(url: str) -> None:
    async with office(url) as here:
        root = await here.say("ana", "@keeper ana begins", channel="general")
        await here.team.say("bela", "@keeper bela answers", channel="general", root=root)
        await here.quiet()
        listed = await opened(here)
        transcript = await here.press("grace", listed, "1")
        assert "ana begins" in transcript.text
        assert "**another participant**\n\n(not shown)" in transcript.text
        assert "**Tess to another participant**\n\n(not shown)" in transcript.text
        await here.press("grace", transcript, "Export")
        await here.quiet()

        files = [post.extras["files"] for post in await here.shown("grace") if post.extras.get("files")]
        assert [len(one) for one in files] == [2]
        everything = [post.text for post in await here.shown("grace")] + [decoded(one) for one in files[0]]
        assert not [text for text in everything if "bela" in text.lower()]


async def test_an_export_that_waits_when_the_person_forgets_everything_is_never_made(url: str) -> None:
    go_on, begun = asyncio.Event(), asyncio.Event()

    async def slow(bench: Bench, job: Job, progress: Progress) -> str | Reply:
        begun.set()
        await go_on.wait()
        return await report(bench, job, progress)

    async with office(url, kinds={**JOB_KINDS, REPORT: slow}) as here:
        await here.say("ana", "a secret of ana")
        await here.press("grace", await opened(here), "Export")
        await begun.wait()
        await here.run("ana", "forget everything", {"word": "FORGET"})
        go_on.set()
        await here.quiet()

        assert not [post for post in await here.shown("grace") if post.extras.get("files")]


def decoded(file: dict[str, str]) -> str:
    return b64decode(file["content"]).decode()


async def test_a_long_conversation_is_paged_to_its_beginning_and_back(url: str) -> None:
    async with office(url) as here:
        for number in range(5):
            await here.say("ana", f"question number {number}")
        listed = await opened(here)
        newest = await here.press("grace", listed, "1")
        assert "number 2" in newest.text
        assert "number 1" not in newest.text
        earlier = await here.press("grace", newest, "Earlier")
        assert "number 0" in earlier.text
        assert "number 1" in earlier.text
        assert "Earlier" not in buttons(earlier)
        later = await here.press("grace", earlier, "Later")

        assert later.text == newest.text
        assert [row[0] for row in await here.audit("action")] == ["list", "open", "open", "open"]


async def test_nothing_is_shown_and_nobody_hears_of_it_where_it_cannot_be_recorded(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a secret of ana")
        form = await here.run("grace", "history", {"person": person_id("ana")})
        listed = await here.send("grace", form, REASON)
        break_the_anchor(here)
        for label in ("1", "Export", "Change…"):
            shown = await here.press("grace", listed, label)
            assert "secret" not in shown.text
        again = await here.send("grace", form, REASON)
        assert "secret" not in again.text
        refused = await here.type("bela", "history @ana")
        assert refused.text != NO_ROLE


def break_the_anchor(here: Office) -> None:
    here.anchor.unlink()
    here.anchor.mkdir()
