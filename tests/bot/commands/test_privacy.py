"""`privacy`: what is kept of me, who may read it and has read it, and what I can do about it."""

from datetime import UTC, datetime

from sqlalchemy import select

from adapters.local.world_rows import LocalPost
from bot.access.actor import Actor
from bot.access.disclosure import operator_of
from bot.access.scope import Scope
from bot.access.settings_rows import change_settings
from bot.memory.memory import Memory
from bot.memory.values import MemoryOptions
from bot.storage.tables import messages
from tests.bot.commands.office import Office, buttons, office, person_id

REASON = {"category": "quality review"}


async def read_by_grace(here: Office, person: str = "ana", category: str = "quality review", times: int = 1) -> None:
    given = {"person": person_id(person), "category": category}
    listed = await here.run("grace", "supervise list", given)
    for _ in range(times):
        await here.press("grace", listed, "1")


async def change(here: Office, **changes: object) -> None:
    operator, scope = operator_of(here.team.bench.settings), Scope("system", here.key, ())
    await here.team.store.write(change_settings, scope, changes, operator, None, here.team.bench.now())


def line(post: LocalPost, name: str) -> str:
    return next(one for one in post.text.split("\n") if one.startswith(f"- **{name}:**"))


async def test_it_says_what_is_kept_who_may_read_it_and_that_nobody_has(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a question")
        shown = await here.type("ana", "privacy")

        today = datetime.now(UTC)
        date = f"{today.day} {today:%b %Y}"
        assert line(shown, "Kept") == f"- **Kept:** 1 conversation and 0 facts since {date}, deleted after 90 days."
        assert f"the supervisor Grace, since {date} (direct messages included)" in line(shown, "May read")
        assert line(shown, "Has read") == "- **Has read:** nobody."
        assert line(shown, "Sent to") == "- **Sent to:** nobody: I answer without a model."
        assert buttons(shown) == [
            "Export", "Forget…", "Don't keep mine", "My conversations", "My facts", "Usage", "Contact",
        ]  # fmt: skip


async def test_it_says_what_the_settings_say_at_that_moment(url: str) -> None:
    async with office(url, supervision="off") as here:
        assert "you; no supervisor;" in line(await here.type("ana", "privacy"), "May read")
        await change(here, supervision="channels", retention_days=30, contact="the works council")
        shown = await here.type("ana", "privacy")

        assert "(channels only)" in line(shown, "May read")
        assert line(shown, "Kept").endswith("deleted after 30 days.")
        assert "Contact the works council" in buttons(shown)
        contact = await here.press("ana", shown, "Contact the works council")
        assert "ask the works council. Admins: Lin." in contact.text


async def test_it_shows_who_has_read_with_the_reason_and_how_much(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a question")
        await read_by_grace(here, times=2)
        await read_by_grace(here, category="security")
        await here.run("grace", "supervise list", {"person": person_id("bela"), **REASON})
        shown = await here.type("ana", "privacy")

        assert line(shown, "Has read").count("Grace") == 2
        assert "security, 1 conversation; Grace" in line(shown, "Has read")
        assert line(shown, "Has read").endswith("quality review, 1 conversation.")
        readings = await here.press("ana", shown, "Who has read")
        rows = [one for one in readings.text.split("\n") if one.startswith("- ")]
        assert [one.partition("UTC, ")[2] for one in rows] == [
            "security: opened 1 conversation, listed them",
            "quality review: opened 1 conversation, listed them",
        ]
        of_bela = await here.type("bela", "privacy")
        assert "quality review, 0 conversations" in line(of_bela, "Has read")


async def test_a_refused_request_is_no_reading_and_a_note_is_for_the_access_log_alone(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a question")
        await here.type("bela", "history @ana")
        assert line(await here.type("ana", "privacy"), "Has read") == "- **Has read:** nobody."
        given = {"person": person_id("ana"), "note": "a delicate note", **REASON}
        await here.run("grace", "supervise list", given)

        for post in (await here.type("ana", "privacy"), await here.run("ana", "privacy readings")):
            assert "delicate" not in post.text
        assert ("a delicate note",) in await here.audit("note")


async def test_a_long_list_of_readings_is_paged_to_its_end(url: str) -> None:
    async with office(url) as here:
        categories = ["quality review", "support request", "security", "compliance", "other"]
        await here.say("ana", "a question")
        for category in categories:
            await read_by_grace(here, category=category)
        await here.grant("lin", "supervisor", ("everyone", ""))
        await here.run("lin", "supervise list", {"person": person_id("ana"), **REASON})
        newest = await here.run("ana", "privacy readings")
        oldest = await here.press("ana", newest, "Earlier")

        rows = [one for post in (newest, oldest) for one in post.text.split("\n") if one.startswith("- ")]
        assert "**Lin**" in rows[0]
        assert len(rows) >= 6
        assert all(any(category in row for row in rows) for category in categories)
        assert "Earlier" not in buttons(oldest)


async def test_the_operator_reads_as_the_operator(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a question")
        actor = Actor.operator("root@box", person=person_id("ana"), reason="a complaint")
        bench = here.team.bench
        memory = Memory(here.team.store, here.key, MemoryOptions(), bench.now, here.recorder)
        await memory.as_actor(actor).list_threads()
        shown = await here.type("ana", "privacy")

        assert "the operator, " in line(shown, "Has read")
        assert "root" not in shown.text


async def test_who_wants_nothing_kept_is_answered_and_nothing_of_it_stays_until_she_wants_it_again(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "kept before")
        shown = await here.type("ana", "privacy")
        off = await here.press("ana", shown, "Don't keep mine")
        assert "What I keep already stays until you forget it" in off.text
        assert buttons(off) == ["Forget…", "Privacy"]
        await here.say("ana", "not to be kept")
        assert (await here.team.answers("ana")).count("An answer.") == 2
        await here.team.until(lambda: only(here, "kept before"))
        again = await here.press("ana", off, "Privacy")
        assert "keep nothing of it" in line(again, "Kept")
        await here.press("ana", again, "Keep mine again")
        await here.say("ana", "kept after")

        assert await texts(here, "user") == ["kept before", "kept after"]


async def only(here: Office, *kept: str) -> bool:
    return await texts(here, "user") == list(kept)


async def texts(here: Office, role: str) -> list[str]:
    statement = select(messages.c.text).where(messages.c.role == role).order_by(messages.c.key)
    return await here.team.store.read(lambda connection: list(connection.execute(statement).scalars()))


async def test_who_was_never_told_may_choose_before_her_first_word(url: str) -> None:
    async with office(url, told=False, disclose=True) as here:
        await here.run("ana", "privacy keep", {"keep": "off"})
        await here.say("ana", "waits all the same")

        assert await texts(here, "user") == []
        assert "An answer." not in await here.team.answers("ana")


async def test_a_question_about_a_reading_goes_to_the_contact_in_private_once(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a question")
        await read_by_grace(here)
        await change(here, contact=person_id("bela"))
        shown = await here.type("ana", "privacy")
        assert "Contact Bela" in buttons(shown)
        form = await here.press("ana", shown, "Ask about a reading")
        sent = await here.send("ana", form, {"question": "Why did you look?\n# not a heading"})
        await here.quiet()

        assert sent.text == "Sent, in private, to Bela."
        (post,) = await here.shown("bela")
        assert post.text.startswith("Ana asks about a reading of her conversations with me:\n\n> Why did you look?")
        assert "\n> \\# not a heading" in post.text
        assert not [one for one in await here.shown("lin") if "asks about" in one.text]


async def test_without_a_contact_the_admins_are_asked(url: str) -> None:
    async with office(url) as here:
        await change(here, contact="words that name nobody")
        sent = await here.run("ana", "privacy ask", {"question": "Why?"})
        await here.quiet()
        own = await here.run("lin", "privacy ask", {"question": "Why?"})

        assert sent.text == "Sent, in private, to Lin."
        assert (await here.shown("lin"))[0].text.startswith("Ana asks about")
        assert own.text == "Nobody else here is named as a contact. Please ask whoever runs me."


async def test_a_page_of_readings_begins_anywhere_in_a_long_audit(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a question")
        await read_by_grace(here)
        beyond = await here.run("ana", "privacy readings", {"before": "1000001"})
        assert "quality review: opened 1 conversation" in beyond.text
        assert (await here.run("ana", "privacy readings", {"before": "x"})).text == "before must be a number."
