"""Payloads as events, by table."""

from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.local.inbound import event_of
from bot.chat import (
    Attachment,
    Deletion,
    Edit,
    Event,
    Feedback,
    InstallationChanged,
    MembershipChanged,
    Message,
    PersonChanged,
    PersonRef,
    PlaceChanged,
    PlaceRef,
    Stopped,
)

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
ANA = PersonRef("local:team", "local:team:ana", "Ana")
GENERAL = PlaceRef("local:team", "general", "public", "#general", {"channel": "general", "root": ""})
THREAD = PlaceRef("local:team", "general/p1", "public", "#general", {"channel": "general", "root": "p1"}, "general")
DIRECT = PlaceRef("local:team", "@ana", "direct", "", {"channel": "@ana", "root": ""})


def payload(kind: str, channel: str = "general", of_kind: str = "public", **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "delivery": "d1",
        "workspace": "team",
        "person": {"name": "ana", "shown_name": "Ana", "role": "member"},
        "channel": {"name": channel, "kind": of_kind},
        "root": "",
        **more,
    }


FILE = {"name": "a.txt", "media_type": "text/plain", "size": 1, "reference": "team/p1/0"}
SAID: dict[str, Any] = {"post": "p1", "text": "@keeper hello", "at": AT.isoformat()}
EVENTS: list[tuple[dict[str, Any], Event]] = [
    (
        payload("message", **SAID, attachments=[FILE]),
        Message(
            delivery_id="d1",
            person=ANA,
            place=THREAD,
            utterance_id="p1",
            text="hello",
            sent_at=AT,
            addressing="mention",
            attachments=(Attachment("a.txt", "text/plain", 1, "team/p1/0"),),
        ),
    ),
    (
        payload("message", "@ana", "direct", **SAID | {"text": "Hello"}, replies_to="p0"),
        Message(
            delivery_id="d1",
            person=ANA,
            place=DIRECT,
            utterance_id="p1",
            text="Hello",
            sent_at=AT,
            addressing="direct",
            replies_to="p0",
        ),
    ),
    (
        payload("edit", **SAID),
        Edit(
            delivery_id="d1",
            person=ANA,
            place=THREAD,
            utterance_id="p1",
            text="hello",
            edited_at=AT,
            addressing="mention",
        ),
    ),
    (
        payload("deletion", posts=["p1", "p2"]),
        Deletion(delivery_id="d1", workspace_id="local:team", utterance_ids=("p1", "p2")),
    ),
    (payload("stop", root="p1"), Stopped(delivery_id="d1", person=ANA, place=THREAD)),
    (
        payload("feedback", post="p2", root="p1", value="good"),
        Feedback(delivery_id="d1", person=ANA, place=THREAD, post_id="p2", value="good"),
    ),
    (
        payload("membership", joined=False),
        MembershipChanged(delivery_id="d1", person=ANA, place=GENERAL, joined=False),
    ),
    (payload("place", state="archived"), PlaceChanged(delivery_id="d1", place=GENERAL, state="archived")),
    (payload("person", active=False), PersonChanged(delivery_id="d1", person=ANA, active=False)),
    (
        payload("installation", installed=False),
        InstallationChanged(delivery_id="d1", workspace_id="local:team", installed=False),
    ),
]


@pytest.mark.parametrize(("given", "event"), EVENTS, ids=[given["type"] for given, _ in EVENTS])
def test_a_payload_becomes_its_event(given: dict[str, Any], event: Event) -> None:
    assert event_of(given, "keeper") == event


@pytest.mark.parametrize(
    ("text", "root", "addressing", "left", "to_others"),
    [
        ("@keeper hello", "", "mention", "hello", False),
        ("  @Keeper, hello", "", "mention", "hello", False),
        ("@keeper: hello @ben", "p0", "mention", "hello @ben", False),
        ("thanks @keeper.", "p0", "mention", "thanks @keeper.", False),
        ("thanks (@keeper)", "p0", "mention", "thanks (@keeper)", False),
        ("@keeper", "", "mention", "@keeper", False),
        ("is _@keeper_ there?", "", "mention", "is _@keeper_ there?", False),
        ("@keeperä hello", "", "channel", "@keeperä hello", False),
        ("@@keeper hello", "", "channel", "@@keeper hello", False),
        ("@keeper-two hello", "", "channel", "@keeper-two hello", False),
        ("@keeper-two and @keeper", "", "mention", "@keeper-two and @keeper", False),
        ("@keepers hello", "", "channel", "@keepers hello", False),
        ("ana@keeper.org wrote", "", "channel", "ana@keeper.org wrote", False),
        ("lunch?", "", "channel", "lunch?", False),
        ("and then?", "p0", "thread", "and then?", False),
        ("and then, @ben?", "p0", "thread", "and then, @ben?", True),
    ],
)
def test_the_text_says_how_a_message_comes_to_the_bot(
    text: str, root: str, addressing: str, left: str, *, to_others: bool
) -> None:
    event = event_of(payload("message", **SAID | {"text": text, "root": root}), "keeper")

    assert isinstance(event, Message)
    assert (event.addressing, event.text, event.to_others) == (addressing, left, to_others)

    edit = event_of(payload("edit", **SAID | {"text": text, "root": root}), "keeper")

    assert isinstance(edit, Edit)
    assert (edit.addressing, edit.text, edit.to_others) == (addressing, left, to_others)


@pytest.mark.parametrize(
    ("role", "is_bot", "home"), [("member", False, ""), ("bot", True, ""), ("guest", False, "elsewhere")]
)
def test_a_bot_and_a_guest_are_known_as_such(role: str, home: str, *, is_bot: bool) -> None:
    who = {"name": "ana", "shown_name": "Ana", "role": role}
    event = event_of(payload("message", **SAID) | {"person": who}, "keeper")

    assert isinstance(event, Message)
    assert (event.person.is_bot, event.person.home) == (is_bot, home)
