"""Ids: two names never share one, and what is no name is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.local.ids import (
    checked_name,
    direct_channel,
    person_of,
    place_id,
    resource_id,
    workspace_id,
    workspace_of,
)
from bot.errors import InvalidArgument

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,6}[a-z0-9])?", fullmatch=True)
ROOTS = st.one_of(st.just(""), st.uuids().map(str))


@given(NAMES, NAMES, ROOTS)
def test_ids_lead_back_to_their_names(workspace: str, name: str, root: str) -> None:
    assert workspace_of(workspace_id(workspace)) == workspace
    assert person_of(resource_id(workspace, name)) == name
    assert resource_id(workspace, name).startswith(f"{workspace_id(workspace)}:")
    assert place_id(name, root).partition("/") == (name, "/" if root else "", root)
    assert direct_channel(name) not in {name, place_id(name, root)}


@given(st.tuples(NAMES, NAMES), st.tuples(NAMES, NAMES))
def test_no_two_people_share_an_id(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (resource_id(*one) == resource_id(*other)) == (one == other)


@pytest.mark.parametrize(
    "name", ["", "Ana", "a b", "a:b", "a/b", "@ana", "#general", "-a", "a-", "a.", ".a", "a" * 65, "ä", "a\n", "a\0"]
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgument, match="person must be 1 to 64"):
        checked_name("person", name)


def test_a_name_may_have_64_characters() -> None:
    assert checked_name("person", "a" * 64) == "a" * 64
