"""What travels and comes back: buttons, forms, ids in them. Spoilt, swapped, of somebody else: nothing is done."""

from collections.abc import Callable
from datetime import timedelta
from itertools import cycle, islice, product
from urllib.parse import quote

import pytest

from adapters.buttons import BUTTON_LIFE, seal, unseal
from adapters.local.world_rows import LocalPost, change_post
from bot.chat import Button
from bot.errors import NotAllowed
from tests.access.matrix import CANARIES, Matrix, furnished
from tests.access.policy import COMMANDS
from tests.bot.commands.office import WORKSPACE_ID, fields, person_id
from tests.bot.turns.team import WORKSPACE

#: The local platform's key in these tests.
_KEY = b"a secret of the tests"
_BELAS = f"{WORKSPACE_ID}/@bela"
_REFUSED = "This button is not for you, or it has expired. Please ask for a new one."


def _button(matrix: Matrix, whose: str = "ana", person: str = "bela", **arguments: str) -> Button:
    """A button that forgets somebody's conversation."""
    given = {"thread": matrix.things[whose].thread} | arguments
    return Button("Go", "forget conversation", given, person=person and person_id(person))


def _sealed(
    matrix: Matrix, button: Button, place: str = _BELAS, key: bytes = _KEY, ago: timedelta = timedelta()
) -> str:
    return seal(button, place, matrix.office.team.bench.now() - ago, key)


async def _bears(matrix: Matrix, post: LocalPost, token: str) -> None:
    """Let a token stand on a post, as if the platform's own protection had failed."""
    extras = {**post.extras, "buttons": [{"label": "Go", "token": token, "style": "", "confirm": ""}]}
    await matrix.office.team.store.write(change_post, WORKSPACE, post.id, {"extras": extras})


def _swap(token: str, old: str, new: str) -> str:
    written, wanted = (quote(one, safe="?&=") for one in (old, new))
    assert written in token
    return token.replace(written, wanted)


SPOILT: dict[str, Callable[[Matrix], str]] = {
    "signed with another key": lambda m: _sealed(m, _button(m, "bela"), key=b"another"),
    "expired": lambda m: _sealed(m, _button(m, "bela"), ago=BUTTON_LIFE),
    "of another place": lambda m: _sealed(m, _button(m, "bela"), f"{WORKSPACE_ID}/general"),
    "of another workspace": lambda m: _sealed(m, _button(m, "bela"), "local:elsewhere/@bela"),
    "of another person": lambda m: _sealed(m, _button(m, "bela", "ana")),
    "of nobody, by its sign alone": lambda m: "0" + _sealed(m, _button(m, "bela"))[1:],
    "with another thread": lambda m: _swap(
        _sealed(m, _button(m, "ana", "bela")), m.things["ana"].thread, m.things["bela"].thread
    ),
    "with another command": lambda m: _swap(_sealed(m, _button(m, "bela")), "conversation", "everything"),
    "with one argument more": lambda m: _swap(_sealed(m, _button(m, "bela")), "?", "?word=FORGET&"),
    "living longer": lambda m: _swap(t := _sealed(m, _button(m, "bela")), t[1], "f"),
    "without a signature": lambda m: _sealed(m, _button(m, "bela")).rpartition(".")[0] + ".",
    "without its end": lambda m: _sealed(m, _button(m, "bela"))[:-1],
    "longer": lambda m: _sealed(m, _button(m, "bela")) + "A",
    "empty": lambda _m: "",
    "two points": lambda _m: "..",
    "not ASCII": lambda m: _sealed(m, _button(m, "bela"))[:-1] + "é",
}


async def test_a_token_that_is_not_right_in_every_way_does_nothing(url: str) -> None:
    said: dict[str, str] = {}
    async with furnished(url) as matrix:
        post = await matrix.office.run("bela", "help")
        before = await matrix.dump()
        for name, spoil in SPOILT.items():
            await _bears(matrix, post, token := spoil(matrix))
            with pytest.raises(NotAllowed) as refused:
                await matrix.office.team.local.press(WORKSPACE, post.id, "bela", token)
            said[name] = str(refused.value)
        await matrix.office.team.store.write(change_post, WORKSPACE, post.id, {"extras": post.extras})
        assert said == dict.fromkeys(SPOILT, _REFUSED)
        assert await matrix.dump() == before

        # All of these differ from one that does something.
        await _bears(matrix, post, _sealed(matrix, _button(matrix, "bela")))
        assert "is being erased" in (await _go(matrix, post)).text


async def _go(matrix: Matrix, post: LocalPost, person: str = "bela") -> LocalPost:
    """Press the one button that stands on a post now."""
    channel = None if post.channel == f"@{person}" else post.channel
    shown = next(one for one in await matrix.office.team.seen(person, channel=channel) if one.id == post.id)
    return await matrix.office.press(person, shown, "Go")


async def test_a_valid_button_with_the_id_of_another_thing_is_as_absent(url: str) -> None:
    commands = [one for one, rule in COMMANDS.items() if one.startswith(("history ", "forget ")) and rule.names]
    async with furnished(url) as matrix:
        said = []
        post = await matrix.office.run("bela", "help")
        before = await matrix.dump()
        for whose, command in product(("ana", "ana in general", "zoe", "eva", "nobody"), commands):
            thing, rule = matrix.things[whose], COMMANDS[command]
            values = {"thread": thing.thread, "message": thing.message}
            given = {**rule.given, **{option: values[kind] for option, kind in rule.names.items()}}
            button = Button("Go", command, given, person=person_id("bela"))
            await _bears(matrix, post, _sealed(matrix, button))
            answer = await _go(matrix, post)
            said.append(answer.text)
            assert answer.extras.get("buttons", []) == []
        after = await matrix.dump()
        assert set(said) == {
            "This conversation is gone, or it is not yours.",
            "There is nothing of that kind to forget, or it is not yours.",
        }
        assert {name for name in after if after[name] != before[name]} == {"local_posts"}


async def test_who_presses_what_was_shown_to_all_acts_as_herself(url: str) -> None:
    async with furnished(url) as matrix:
        thing = matrix.things["ana in general"]
        post_id = await matrix.office.team.say("ana", "look at this", channel="general")
        post = next(one for one in await matrix.office.team.seen("ana", channel="general") if one.id == post_id)
        open_button = Button("Go", "history open", {"thread": thing.thread})
        await _bears(matrix, post, _sealed(matrix, open_button, f"{WORKSPACE_ID}/general"))

        hers = await _go(matrix, post, "ana")
        anothers = await _go(matrix, post, "bela")
        supervisors = await _go(matrix, post, "grace")
        assert (CANARIES["ana in general"] in hers.text, hers.only_for) == (True, "ana")
        assert anothers.text == supervisors.text == "This conversation is gone, or it is not yours."
        assert (anothers.only_for, supervisors.only_for) == ("bela", "grace")


async def test_what_is_hidden_in_a_form_is_not_the_sender_s_to_change(url: str) -> None:
    async with furnished(url) as matrix:
        here = matrix.office
        mine, hers = matrix.things["bela"].thread, matrix.things["ana"].thread
        asked = await here.run("bela", "history rename", {"thread": mine})
        done = await here.send("bela", asked, {"title": "renamed", "thread": hers})
        assert "It is called “renamed” now" in done.text
        listed = await here.run("ana", "history")
        assert "renamed" not in listed.text

        # Nor is a form somebody else's.
        form = await here.run("grace", "history", {"person": person_id("ana")})
        token = form.extras["form"]["token"]
        own = await here.run("olga", "history", {"person": person_id("ana")})
        extras = {"form": {**own.extras["form"], "token": token}}
        await here.team.store.write(change_post, WORKSPACE, own.id, {"extras": extras})
        with pytest.raises(NotAllowed, match=_REFUSED):
            await here.team.local.press(WORKSPACE, own.id, "olga", token, {**fields(own), "category": "security"})


async def test_a_form_is_sent_to_whom_its_sender_chooses_and_asks_for_her_rights(url: str) -> None:
    async with furnished(url) as matrix:
        form = await matrix.office.run("olga", "history", {"person": person_id("bela")})
        within = await matrix.office.send("olga", form, {"category": "security"})
        outside = await matrix.office.send("olga", form, {"category": "security", "person": person_id("ana")})
        absent = await matrix.office.send("olga", form, {"category": "security", "person": person_id("nobody")})
        assert CANARIES["bela"] in within.text
        assert outside.text == absent.text
        assert outside.text.startswith("Nothing to show.")


#: What people type where a number, a day, a choice, an id or a word is meant.
ODD = (
    *("0", "-1", "1", "99999999999999999999", "\uff11", "1 OR 1=1", "%", "_", "null", "[]", "'; --"),
    *("\\", "\u202e", " ", "x" * 200),
)


async def test_odd_values_are_answered_with_a_sentence_and_show_nothing(url: str) -> None:
    odd = cycle(ODD)
    asking = {"supervise": "supervisor of another", "admin": "admin"}
    async with furnished(url) as matrix:
        for command, rule in COMMANDS.items():
            subject = asking.get(command.partition(" ")[0], "another member")
            own, bela = matrix.named(subject, "own"), matrix.things["bela"].person
            values = {"thread": own.thread, "message": own.message, "person": bela}
            named = {name: values[kind] for name, kind in rule.names.items()}
            for option in (*rule.names, *rule.plain):
                for value in islice(odd, 2):
                    ear = await matrix.run(subject, command, {**named, **rule.given, option: value})
                    assert ear.verdict  # a sentence, and not that something went wrong
                    shown = [whose for whose in ("ana", "ana in general", "zoe", "leo")
                             if CANARIES[whose] in ear.everything]  # fmt: skip
                    assert not shown, (command, option, value)


async def test_a_cursor_of_another_conversation_shows_ones_own_alone(url: str) -> None:
    async with furnished(url) as matrix:
        here = matrix.office
        for number in range(4):
            await here.say("ana", f"more of ana {number}")
        opened = await here.run("ana", "history open", {"thread": matrix.things["ana"].thread})
        cursor = unseal(
            next(one["token"] for one in opened.extras["buttons"] if one["label"] == "Earlier"),
            f"{WORKSPACE_ID}/@ana", person_id("ana"), here.team.bench.now(), _KEY,
        )  # fmt: skip
        assert cursor is not None
        given = {"thread": matrix.things["bela"].thread, "cursor": cursor.arguments["cursor"]}
        ear = await matrix.run("another member", "history open", given)
        assert CANARIES["ana"] not in ear.everything
        assert "more of ana" not in ear.everything
