"""What the asker does meanwhile: she stops, edits, deletes; before, while and after she is answered."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import delete

from bot.errors import ModelOverloaded, PlatformUnreachable
from bot.storage.tables import people
from bot.turns.notices import STOPPED, STOPPED_BEFORE
from tests.bot.turns.steering import Database, Platform, Steered
from tests.bot.turns.team import WORKSPACE, Team, running


async def stored(team: Team, person: str = "ana") -> list[tuple[str, str, str]]:
    page = await (await team.view(person)).list_messages_by_resource_id(team.person(person))
    return [(one.role, one.text, one.outcome) for one in page.items]


async def stop(team: Team, person: str, *, channel: str | None = None, root: str = "") -> None:
    await team.local.stop(WORKSPACE, f"@{person}" if channel is None else channel, person, root=root)


async def seeing(team: Team, *texts: str) -> None:
    async def seen() -> bool:
        return await team.answers("ana") == list(texts)

    await team.until(seen)


# Stop


async def test_a_stop_before_the_first_word_ends_the_answer_at_once(url: str) -> None:
    model = Steered([asyncio.Event(), "Never said."])
    async with running(url, model) as team:
        platform = Platform(team)
        await team.say("ana", "Think long")
        await team.until(lambda: model.at_work)
        await stop(team, "ana")
        await team.quiet()

        assert await team.answers("ana") == [STOPPED_BEFORE]
        assert await team.states() == ["stopped"]
        assert (await stored(team))[-1] == ("assistant", STOPPED_BEFORE, "failed")
        assert (model.at_work, platform.statuses) == (0, ["working", "idle"])


async def test_a_stop_in_the_middle_leaves_what_was_said_with_a_note(url: str) -> None:
    model = Steered(["So far", asyncio.Event(), " never said."])
    async with running(url, model) as team:
        platform = Platform(team)
        await team.say("ana", "Tell me")
        await seeing(team, "So far")
        await stop(team, "ana")
        await team.quiet()

        whole = f"So far\n\n{STOPPED}"
        assert await team.answers("ana") == [whole]
        assert (await stored(team))[-1] == ("assistant", whole, "cut")
        assert (await team.states(), await team.post_states()) == (["stopped"], ["finished"])
        assert (model.at_work, platform.statuses) == (0, ["working", "idle"])
        assert not (await team.seen("ana"))[-1].streaming


async def test_a_stop_after_the_end_changes_nothing(url: str) -> None:
    async with running(url, Steered(["Whole."])) as team:
        await team.say("ana", "Quick")
        await team.quiet()
        await stop(team, "ana")
        await team.quiet()

        assert (await team.answers("ana"), await team.states()) == (["Whole."], ["answered"])


async def test_somebody_elses_stop_changes_nothing(url: str) -> None:
    go_on = asyncio.Event()
    async with running(url, Steered(["So far", go_on, " and further."])) as team:
        database = Database(team.store)
        root = await team.say("ana", "@keeper tell us", channel="general")
        await team.until(lambda: posted(team, root, "So far"))
        await stop(team, "ben", channel="general", root=root)
        await database.until_called("accept_stop")
        go_on.set()
        await team.quiet()

        assert await team.answers("ana", channel="general", root=root) == ["So far and further."]
        assert await team.states() == ["answered"]


async def posted(team: Team, root: str, *texts: str) -> bool:
    return await team.answers("ana", channel="general", root=root) == list(texts)


async def test_a_question_that_waits_for_its_turn_can_be_stopped(url: str) -> None:
    go_on = asyncio.Event()
    model = Steered(["To ana", go_on, "."], ["Never said."])
    async with running(url, model) as team:
        root = await team.say("ana", "@keeper me first", channel="general")
        await team.until(lambda: posted(team, root, "To ana"))
        await team.say("ben", "@keeper then me", channel="general", root=root)
        await stop(team, "ben", channel="general", root=root)
        go_on.set()
        await team.quiet()

        assert await team.answers("ana", channel="general", root=root) == ["To ana.", STOPPED_BEFORE]
        assert (await team.states(), model.calls) == (["answered", "stopped"], 1)


async def test_what_is_asked_after_a_stop_is_answered(url: str) -> None:
    go_on = asyncio.Event()
    model = Steered(["To ana", go_on, "."], ["To ben."])
    async with running(url, model) as team:
        root = await team.say("ana", "@keeper me first", channel="general")
        await team.until(lambda: posted(team, root, "To ana"))
        await team.say("ben", "@keeper never this", channel="general", root=root)
        await stop(team, "ben", channel="general", root=root)
        await team.say("ben", "@keeper but this", channel="general", root=root)
        go_on.set()
        await team.quiet()

        assert await team.answers("ana", channel="general", root=root) == ["To ana.", STOPPED_BEFORE, "To ben."]
        assert (await team.states(), model.calls) == (["answered", "stopped", "answered"], 2)


async def test_a_question_that_waits_to_be_tried_again_is_stopped_at_once(url: str) -> None:
    model = Steered([ModelOverloaded()], ["Never said."])
    async with running(url, model, backoff=timedelta(minutes=2)) as team:
        await team.say("ana", "Please")
        await team.until(lambda: queued_again(team, model))
        await stop(team, "ana")
        await team.quiet()

        assert await team.answers("ana") == [STOPPED_BEFORE]
        assert (await team.states(), model.calls) == (["stopped"], 1)


async def queued_again(team: Team, model: Steered) -> bool:
    return model.calls == 1 and await team.states() == ["queued"]


# Edits


async def test_an_edit_before_the_first_word_is_what_is_answered(url: str) -> None:
    model = Steered([asyncio.Event()], ["To the new one."])
    async with running(url, model) as team:
        said = await team.say("ana", "old words")
        await team.until(lambda: model.at_work)
        await team.local.edit(WORKSPACE, said, "ana", "new words")
        await team.quiet()

        assert await team.answers("ana") == ["To the new one."]
        assert ("new words" in model.prompt(), "old words" in model.prompt()) == (True, False)
        assert [text for _, text, _ in await stored(team)] == ["new words", "To the new one."]


async def test_an_edit_in_the_middle_changes_the_post_to_the_new_answer(url: str) -> None:
    model = Steered(["To the old one", asyncio.Event()], ["To the new one."])
    async with running(url, model) as team:
        platform = Platform(team)
        said = await team.say("ana", "old words")
        await seeing(team, "To the old one")
        await team.local.edit(WORKSPACE, said, "ana", "new words")
        await team.quiet()

        assert await team.answers("ana") == ["To the new one."]
        assert [text for _, text, _ in await stored(team)] == ["new words", "To the new one."]
        assert (await team.states(), await team.post_states()) == (["answered"], ["finished"])
        assert (platform.count("stream"), platform.count("answer"), platform.count("edit")) == (1, 0, 1)
        assert platform.statuses[-1] == "idle"


async def test_an_edit_between_the_parts_of_a_long_answer_changes_all_of_them(url: str) -> None:
    long = ("Old. " * 1_700).rstrip()  # three posts
    model = Steered([long], ["New."])
    async with running(url, model) as team:
        platform, database = Platform(team), Database(team.store)
        said: list[str] = []

        async def edit_before_the_third_post(name: str) -> None:
            if name == "_begin_post" and database.calls.count(name) == 2:
                await team.local.edit(WORKSPACE, said[0], "ana", "new words")

        database.watching = edit_before_the_third_post
        holding = asyncio.Event()
        model._scripts = ([holding, long], ["New."])
        said.append(await team.say("ana", "old words"))
        holding.set()
        await team.quiet()

        assert await team.answers("ana") == ["New."]
        assert [text for _, text, _ in await stored(team)] == ["new words", "New."]
        assert (await team.states(), await team.post_states(), model.calls) == (["answered"], ["finished"], 2)
        assert platform.count("delete") == 1


async def test_an_edit_while_the_stored_answer_waits_to_be_posted_erases_it(url: str) -> None:
    model = Steered(["To the old one."], ["To the new one."])
    async with running(url, model, backoff=timedelta(milliseconds=400)) as team:
        platform = Platform(team)
        platform.before["answer"] = [PlatformUnreachable()]
        said = await team.say("ana", "old words")
        await team.until(lambda: queued_again(team, model))
        await team.local.edit(WORKSPACE, said, "ana", "new words")
        await team.quiet()

        assert await team.answers("ana") == ["To the new one."]
        assert [text for _, text, _ in await stored(team)] == ["new words", "To the new one."]


async def test_an_edit_at_the_very_end_is_answered_all_the_same(url: str) -> None:
    model = Steered(["To the old one."], ["To the new one."])
    async with running(url, model) as team:
        database = Database(team.store)
        holding = asyncio.Event()
        said: list[str] = []

        async def edit_before_the_end(name: str) -> None:
            if name == "finish_turn" and database.calls.count(name) == 1:
                await team.local.edit(WORKSPACE, said[0], "ana", "new words")

        database.watching = edit_before_the_end
        model._scripts = ([holding, "To the old one."], ["To the new one."])
        said.append(await team.say("ana", "old words"))
        holding.set()
        await team.quiet()

        assert await team.answers("ana") == ["To the new one."]
        assert [text for _, text, _ in await stored(team)] == ["new words", "To the new one."]
        assert await team.states() == ["answered"]


async def test_what_is_said_while_a_stored_answer_waits_to_be_posted_is_answered_too(url: str) -> None:
    model = Steered(["To the first."], ["To the second."])
    async with running(url, model, backoff=timedelta(milliseconds=400)) as team:
        platform = Platform(team)
        platform.before["answer"] = [PlatformUnreachable()]
        await team.say("ana", "first words")
        await team.until(lambda: queued_again(team, model))
        await team.say("ana", "second words")
        await team.quiet()

        assert await team.answers("ana") == ["To the first.", "To the second."]
        assert await team.states() == ["answered", "answered"]


# Deletions


async def test_a_question_that_is_deleted_before_the_first_word_is_withdrawn(url: str) -> None:
    model = Steered([asyncio.Event()])
    async with running(url, model) as team:
        platform = Platform(team)
        said = await team.say("ana", "forget it")
        await team.until(lambda: model.at_work)
        await team.local.delete(WORKSPACE, "ana", said)
        await team.quiet()

        assert (await team.answers("ana"), await stored(team)) == ([], [])
        assert (await team.states(), model.at_work) == (["withdrawn"], 0)
        assert platform.statuses[-1] == "idle"


@pytest.mark.parametrize("failing", [False, True])
async def test_a_question_that_is_deleted_in_the_middle_takes_the_post_with_it(url: str, failing: bool) -> None:
    model = Steered(["So far", asyncio.Event()])
    async with running(url, model) as team:
        platform = Platform(team)
        if failing:
            platform.before["delete"] = [PlatformUnreachable(), PlatformUnreachable()]
        said = await team.say("ana", "forget it")
        await seeing(team, "So far")
        await team.local.delete(WORKSPACE, "ana", said)
        await team.quiet()

        assert (await team.answers("ana"), await stored(team)) == ([], [])
        assert (await team.states(), await team.post_states()) == (["withdrawn"], [])
        assert (model.calls, platform.statuses[-1]) == (1, "idle")


async def test_of_a_burst_what_is_left_is_answered(url: str) -> None:
    model = Steered([asyncio.Event()], [asyncio.Event()], ["To the second."])
    async with running(url, model) as team:
        first = await team.say("ana", "first words")
        await team.until(lambda: model.calls == 1)
        await team.say("ana", "second words")
        await team.until(lambda: model.calls == 2)
        await team.local.delete(WORKSPACE, "ana", first)
        await team.quiet()

        assert await team.answers("ana") == ["To the second."]
        assert "first words" not in model.prompt()


# Erasure


async def test_a_thread_that_is_deleted_meanwhile_takes_what_was_posted_with_it(url: str) -> None:
    go_on = asyncio.Event()
    model = Steered(["So far", go_on, " and further."], ["Anew."])
    async with running(url, model) as team:
        platform = Platform(team)
        await team.say("ana", "forget all of it")
        await seeing(team, "So far")
        view = await team.view("ana")
        (thread,) = await view.get_threads_by_resource_id(team.person("ana"))
        await view.delete_thread(thread.id)
        go_on.set()
        await seeing(team)
        assert (await stored(team), await team.states()) == ([], [])
        await team.until(lambda: platform.statuses[-1] == "idle")

        await team.say("ana", "a new beginning")
        await team.quiet()
        assert (await team.answers("ana"), await team.states()) == (["Anew."], ["answered"])


async def test_a_person_who_is_erased_meanwhile_is_not_answered_and_holds_up_nobody(url: str) -> None:
    go_on = asyncio.Event()
    model = Steered(["To ben."], ["To ana", go_on, "."], ["To ben again."])
    async with running(url, model) as team:
        root = await team.say("ben", "@keeper hello", channel="general")
        await team.until(lambda: posted(team, root, "To ben."))
        await team.quiet()
        await team.say("ana", "@keeper hello too", channel="general", root=root)
        await team.until(lambda: posted(team, root, "To ben.", "To ana"))
        await team.say("ben", "@keeper are you there?", channel="general", root=root)
        erased = delete(people).where(people.c.resource_id == team.person("ana"))
        await team.store.write(lambda connection: connection.execute(erased) and None)
        go_on.set()
        await team.until(lambda: posted(team, root, "To ben.", "To ben again."))
        await team.quiet()

        assert await team.states() == ["answered", "answered"]


async def test_a_bot_that_is_removed_meanwhile_lets_go_of_the_thread(url: str) -> None:
    go_on = asyncio.Event()
    model = Steered(["So far", go_on, "."], ["Back again."])
    async with running(url, model) as team:
        await team.say("ana", "hello")
        await seeing(team, "So far")
        await team.local.install(WORKSPACE, installed=False)
        go_on.set()
        await team.until(lambda: team.serving.worker.at_work == 0)
        assert await team.states() == ["withdrawn"]
        await team.local.install(WORKSPACE, installed=True)
        await team.say("ana", "hello again")
        await team.quiet()

        assert (await team.answers("ana"))[-1] == "Back again."
