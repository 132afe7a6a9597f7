"""Buttons: what was sealed comes back whole, to the right person in the right place in time, and nothing else does."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.buttons import BUTTON_LIFE, Pressed, seal, unseal
from bot.chat import Button
from bot.errors import InvalidArgument

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET = b"a secret of the tests"
PLACE = "local:team/general"
WORDS = st.text(max_size=12)
BUTTONS = st.builds(
    Button,
    label=st.just("Press"),
    command=WORDS,
    arguments=st.dictionaries(WORDS, WORDS, max_size=3),
    person=st.sampled_from(("", "local:team:ana")),
)


def pressed(
    token: str, *, place: str = PLACE, person: str = "local:team:ana", at: datetime = NOW, secret: bytes = SECRET
) -> Pressed | None:
    return unseal(token, place, person, at, secret)


def button(command: str = "page", person: str = "", arguments: Mapping[str, str] | None = None) -> Button:
    return Button("Press", command, arguments or {}, person=person)


@given(BUTTONS)
def test_what_was_sealed_comes_back(given_button: Button) -> None:
    found = pressed(seal(given_button, PLACE, NOW, SECRET))

    assert found == Pressed(given_button.command, given_button.arguments)


@given(BUTTONS, st.data())
def test_a_token_that_was_changed_anywhere_means_nothing(given_button: Button, data: st.DataObject) -> None:
    token = seal(given_button, PLACE, NOW, SECRET)
    where = data.draw(st.integers(0, len(token)))
    put = data.draw(st.text(max_size=2))
    changed = token[:where] + put + token[data.draw(st.integers(where, len(token))) :]

    assert changed == token or pressed(changed) is None


@given(st.text(max_size=60))
@example("\ud800.\udfff")
@example("")
def test_anything_else_means_nothing(token: str) -> None:
    assert pressed(token) is None


def test_a_button_is_bound_to_its_place_its_secret_and_where_it_says_so_its_person() -> None:
    hers, everybodys = (seal(button(person=person), PLACE, NOW, SECRET) for person in ("local:team:ana", ""))

    assert pressed(hers) is not None
    assert pressed(hers, person="local:team:ben") is None
    assert pressed(hers, person="") is None
    assert pressed(hers, place="local:team/secret") is None
    assert pressed(hers, place="local:other/general") is None
    assert pressed(hers, secret=b"another secret") is None
    assert pressed(everybodys, person="local:team:ben") is not None
    assert pressed("0" + hers[1:], person="local:team:ben") is None


def test_a_button_can_be_pressed_until_its_life_is_over() -> None:
    token = seal(button(), PLACE, NOW, SECRET)

    assert pressed(token, at=NOW + BUTTON_LIFE - timedelta(minutes=1)) is not None
    assert pressed(token, at=NOW + BUTTON_LIFE) is None


def test_a_command_with_a_uuid_and_a_number_fits_the_shortest_platform() -> None:
    short = button("history", "local:team:ana", {"of": str(uuid4()), "page": "12"})

    assert len(seal(short, PLACE, NOW, SECRET, 100)) <= 100
    assert len(seal(button("abc", arguments={"d": "e"}), PLACE, NOW, SECRET)) == 26 + len("abc?d=e")


def test_a_token_that_is_too_long_is_refused_when_it_is_made() -> None:
    long = button(arguments={"of": "x" * 100})

    with pytest.raises(InvalidArgument, match="too long"):
        seal(long, PLACE, NOW, SECRET, 100)
    assert seal(long, PLACE, NOW, SECRET)
