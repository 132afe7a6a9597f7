"""Who may do and see what on the local platform."""

import pytest
from sqlalchemy import Connection, select

from adapters.local.commands import LocalResponder
from adapters.local.inhabitants import FILE_BYTES
from adapters.local.tables import local_statuses
from bot.chat import Button, Field, File, Form, PersonChanged, PersonRef, PlaceChanged, PostKey, Reply
from bot.errors import InvalidArgument, NotAllowed, NotFound
from tests.adapters.local.conftest import WORKSPACE, Town
from tests.bot.agent.talking import Playing, saying
from tests.bot.turns.team import running
from tests.contract.conftest import until

ANA = PersonRef("local:team", "local:team:ana")
MISSING = "There is no channel of that name."
NO_POST = "There is no such post."


@pytest.mark.parametrize(
    ("person", "channel"),
    [("ben", "secret"), ("ben", "nowhere"), ("ben", "@ana"), ("gil", "general"), ("gil", "secret")],
)
async def test_a_channel_that_one_may_not_see_looks_like_a_missing_one(town: Town, person: str, channel: str) -> None:
    where = (WORKSPACE, channel, person)
    for refused in (
        town.local.say(*where, "Hello"),
        town.local.posts(*where),
        town.local.stop(*where),
        town.local.command(*where, "history", {}),
    ):
        with pytest.raises(NotFound, match=f"^{MISSING}$"):
            await refused


async def test_a_post_that_one_may_not_see_looks_like_a_missing_one(town: Town) -> None:
    said = await town.local.say(WORKSPACE, "secret", "ana", "Psst")
    for post_id in (said, "nothing"):
        for refused in (
            town.local.edit(WORKSPACE, post_id, "ben", "Changed"),
            town.local.delete(WORKSPACE, "ben", post_id),
            town.local.rate(WORKSPACE, post_id, "ben", "good"),
            town.local.press(WORKSPACE, post_id, "ben", "token"),
            town.local.say(WORKSPACE, "general", "ben", "Below it", root=post_id),
            town.local.say(WORKSPACE, "general", "ben", "On it", replies_to=post_id),
        ):
            with pytest.raises(NotFound, match=f"^{NO_POST}$"):
                await refused
    assert [post.text for post in await town.local.posts(WORKSPACE, "secret", "ana")] == ["Psst"]


async def test_only_the_author_changes_or_deletes_what_was_said(town: Town) -> None:
    hers = await town.local.say(WORKSPACE, "general", "ana", "Mine")
    his = await town.local.say(WORKSPACE, "general", "ben", "His")

    with pytest.raises(NotAllowed):
        await town.local.edit(WORKSPACE, hers, "ben", "Changed")
    with pytest.raises(NotAllowed):
        await town.local.delete(WORKSPACE, "ben", his, hers)
    assert [post.text for post in await town.local.posts(WORKSPACE, "general", "ana")] == ["Mine", "His"]

    await town.local.edit(WORKSPACE, hers, "ana", "Still mine")
    await town.local.delete(WORKSPACE, "ben", his)
    (left,) = await town.local.posts(WORKSPACE, "general", "ana")
    assert (left.text, left.edited_at is not None) == ("Still mine", True)
    with pytest.raises(NotFound):
        await town.local.edit(WORKSPACE, his, "ben", "Back")


async def test_nobody_changes_what_the_bot_said(town: Town) -> None:
    place = town.local.conversation(await town.local.open_dm(ANA))
    post_id = await place.answer(Reply("Hello"), PostKey("a" * 25))

    with pytest.raises(NotAllowed):
        await town.local.edit(WORKSPACE, post_id, "ana", "Bye")
    with pytest.raises(NotAllowed):
        await town.local.delete(WORKSPACE, "ana", post_id)


async def test_an_archived_channel_is_read_but_not_written_in(town: Town) -> None:
    said = await town.local.say(WORKSPACE, "general", "ana", "Before")
    await town.local.archive(WORKSPACE, "general")

    for refused in (
        town.local.say(WORKSPACE, "general", "ana", "After"),
        town.local.edit(WORKSPACE, said, "ana", "After"),
    ):
        with pytest.raises(NotAllowed, match="archived"):
            await refused
    assert [post.text for post in await town.local.posts(WORKSPACE, "general", "ben")] == ["Before"]


async def test_who_left_neither_reads_nor_writes(town: Town) -> None:
    said = await town.local.say(WORKSPACE, "general", "ana", "Before")
    await town.local.leave_workspace(WORKSPACE, "ana")

    for refused in (
        town.local.say(WORKSPACE, "general", "ana", "After"),
        town.local.edit(WORKSPACE, said, "ana", "After"),
        town.local.delete(WORKSPACE, "ana", said),
        town.local.posts(WORKSPACE, "general", "ana"),
    ):
        with pytest.raises(NotAllowed, match="left"):
            await refused
    await town.local.settle(WORKSPACE, "ana", "Ana")
    assert len(await town.local.posts(WORKSPACE, "general", "ana")) == 1


async def test_who_left_a_private_channel_sees_it_no_more(town: Town) -> None:
    await town.local.join(WORKSPACE, "secret", "ben")
    await town.local.say(WORKSPACE, "secret", "ben", "I am in")
    await town.local.leave(WORKSPACE, "secret", "ben")

    with pytest.raises(NotFound, match=f"^{MISSING}$"):
        await town.local.posts(WORKSPACE, "secret", "ben")


async def test_a_thread_stands_below_a_post_of_its_own_channel(town: Town) -> None:
    root = await town.local.say(WORKSPACE, "general", "ana", "A thread")
    below = await town.local.say(WORKSPACE, "general", "ben", "Yes", root=root)

    with pytest.raises(NotFound, match=f"^{NO_POST}$"):
        await town.local.say(WORKSPACE, "secret", "ana", "Below", root=root)
    with pytest.raises(NotFound, match=f"^{NO_POST}$"):
        await town.local.say(WORKSPACE, "general", "ana", "Below that", root=below)
    assert [post.text for post in await town.local.posts(WORKSPACE, "general", "ana", root=root)] == ["Yes"]


async def test_a_file_has_a_limit(town: Town) -> None:
    content = b"x" * FILE_BYTES
    await town.local.say(WORKSPACE, "general", "ana", "Fits", files=[File("a", "text/plain", content)])

    with pytest.raises(NotAllowed, match="1,048,576"):
        await town.local.say(WORKSPACE, "general", "ana", "Big", files=[File("a", "text/plain", content + b"x")])


async def test_names_are_checked_where_they_are_given(town: Town) -> None:
    for refused in (
        town.local.settle(WORKSPACE, "No Name"),
        town.local.settle("No Workspace", "ana"),
        town.local.make_channel(WORKSPACE, "@ana", "public"),
    ):
        with pytest.raises(InvalidArgument):
            await refused


async def test_a_button_can_only_be_pressed_while_the_bot_runs(town: Town) -> None:
    place = town.local.conversation(await town.local.open_dm(ANA))
    post_id = await place.answer(Reply("Hello", (Button("More", "page"),)), PostKey("a" * 25))
    (post,) = await town.local.posts(WORKSPACE, "@ana", "ana")
    token = post.extras["buttons"][0]["token"]

    with pytest.raises(NotAllowed, match="does not run"):
        await town.local.press(WORKSPACE, post_id, "ana", token)
    with pytest.raises(NotAllowed, match="does not run"):
        await town.local.command(WORKSPACE, "@ana", "ana", "history", {})
    async with town.bot():
        await town.local.press(WORKSPACE, post_id, "ana", token)
    assert len(town.heard) == 1


async def test_a_token_is_good_on_its_own_post_alone(town: Town) -> None:
    dm = await town.local.open_dm(ANA)
    place = town.local.conversation(dm)
    posts = [await place.answer(Reply("Hello", (Button(key, key),)), PostKey(key * 25)) for key in "ab"]
    await LocalResponder(town.world, ANA, dm).form(Form("Rename", "rename", (Field("title", "Title"),)))
    first, second, form = await town.local.posts(WORKSPACE, "@ana", "ana")
    button, token = second.extras["buttons"][0]["token"], form.extras["form"]["token"]

    async with town.bot():
        for post_id, wrong in ((first.id, button), (first.id, token), (form.id, button), (form.id, "")):
            with pytest.raises(NotAllowed, match="not for you"):
                await town.local.press(WORKSPACE, post_id, "ana", wrong, {"title": "x" * 9_000})
        with pytest.raises(InvalidArgument):
            await town.local.press(WORKSPACE, form.id, "ana", token, {"title": ""})
        assert (posts, town.heard) == ([first.id, second.id], [])
        await town.local.press(WORKSPACE, second.id, "ana", button)
        await town.local.press(WORKSPACE, form.id, "ana", token, {"title": "Boats"})
    assert len(town.heard) == 2


async def test_a_place_in_which_nothing_is_shown_leaves_no_row(town: Town) -> None:
    place = town.local.conversation(await town.local.open_dm(ANA))

    def rows(connection: Connection) -> int:
        return len(connection.execute(select(local_statuses)).all())

    for status, left in (("working", 1), ("idle", 0)):
        await place.status(status)  # type: ignore[arg-type]
        assert await town.store.read(rows) == left
    await place.status("working")
    await place.rename("Boats")
    await place.status("idle")
    assert await town.local.status(WORKSPACE, "@ana") == ("idle", "Boats")


async def test_the_bot_is_told_who_is_called_otherwise_or_left(town: Town) -> None:
    async with town.bot():
        await town.local.settle(WORKSPACE, "ana", "Ana")
        await town.local.settle(WORKSPACE, "ana", "Anna")
        await town.local.leave_workspace(WORKSPACE, "ana")
        told = [event for event in town.heard if isinstance(event, PersonChanged)]

    assert [(event.person.name, event.active) for event in told] == [("Anna", True), ("Anna", False)]


async def test_the_bot_is_told_what_a_channel_has_become(town: Town) -> None:
    async with town.bot():
        await town.local.make_channel(WORKSPACE, "general", "public")
        await town.local.make_channel(WORKSPACE, "general", "private")
        await town.local.archive(WORKSPACE, "general")
        told = await until(lambda: [event for event in town.heard if isinstance(event, PlaceChanged)])

    assert [(event.place.place_id, event.place.kind, event.state) for event in told] == [
        ("general", "private", "open"),
        ("general", "private", "archived"),
    ]


async def test_what_happens_to_a_channel_happens_to_the_threads_in_it(url: str) -> None:
    async with running(url, Playing(saying("Here."))) as team:
        await team.say("ana", "@keeper where are you?", channel="general")
        await team.say("ana", "And here?")
        await team.quiet()
        await team.local.make_channel(WORKSPACE, "general", "private")
        view = await team.view("ana")
        threads = await view.get_threads_by_resource_id(team.person("ana"))

    assert sorted((thread.place_kind, thread.place_name) for thread in threads) == [
        ("direct", ""),
        ("private", "#general"),
    ]
