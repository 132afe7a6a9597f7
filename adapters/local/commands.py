"""Pressed buttons and sent forms of the local platform as invocations, and where their answers go."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from adapters.buttons import seal, unseal
from adapters.local.conversation import World
from adapters.local.ids import named_person, person_of, workspace_of
from adapters.local.render import extras_of, form_of
from adapters.local.world_rows import NewPost, change_post, make_post
from bot.chat import Button, Event, Form, Invocation, Message, PersonRef, PlaceRef, Reply
from bot.commands.declaration import Registry
from bot.commands.grammar import typed_message
from bot.errors import InvalidArgument, NotAllowed, PostRefused, PostUncertain, StorageError

_NOT_FOR_YOU = "This button is not for you, or it has expired. Please ask for a new one."


def where(place: PlaceRef) -> str:
    """The workspace and the channel of a place, which its buttons are bound to."""
    return f"{place.workspace_id}/{place.address['channel']}"


def invocation_of(
    world: World, delivery_id: str, person: PersonRef, place: PlaceRef, token: str, fields: Mapping[str, str]
) -> Invocation:
    """What a token means that came back, with the fields of a form.

    Raises:
        NotAllowed: it is not valid for this person, here and now.
    """
    pressed = unseal(token, where(place), person.resource_id, world.now(), world.secret)
    if pressed is None:
        raise NotAllowed(_NOT_FOR_YOU)
    return invoked(world, delivery_id, person, place, pressed.command, {**fields, **pressed.arguments})


def fields_of(extras: Mapping[str, Any], token: str) -> Sequence[Mapping[str, Any]]:
    """The fields that are sent with a token of a post: a form has them, a button has none.

    Raises:
        NotAllowed: the token does not stand on this post.
    """
    form = extras.get("form")
    if form is not None and form["token"] == token:
        return list(form["fields"])
    if any(button["token"] == token for button in extras.get("buttons", ())):
        return ()
    raise NotAllowed(_NOT_FOR_YOU)


def checked_fields(fields: Iterable[Mapping[str, Any]], sent: Mapping[str, str]) -> dict[str, str]:
    """What was sent in a form's fields. What the form does not have is left out.

    Raises:
        InvalidArgument: a field does not hold what it may.
    """
    found: dict[str, str] = {}
    for field in fields:
        name, label = field["name"], field["label"]
        value = sent.get(name, "")
        if field["required"] and not value.strip():
            raise InvalidArgument(name, f"{label} is missing")
        if len(value) > field["most_characters"]:
            raise InvalidArgument(name, f"{label} may have at most {field['most_characters']:,} characters")
        if value and field["kind"] == "choice" and value not in {choice for choice, _label in field["choices"]}:
            raise InvalidArgument(name, f"{label} must be one of its choices")
        found[name] = value
    return found


def typed_in(world: World, event: Event, registry: Registry) -> Event:
    """The command that a message for the bot is, if the whole of it is one; every other event as it is."""
    if not isinstance(event, Message) or event.addressing not in {"mention", "direct"} or event.person.is_bot:
        return event
    workspace = workspace_of(event.person.workspace_id)
    typed = typed_message(event.text, registry, lambda word: named_person(workspace, word))
    if typed is None:
        return event
    return invoked(
        world,
        event.delivery_id,
        event.person,
        event.place,
        typed.command.name,
        typed.arguments,
        utterance_id=event.utterance_id,
    )


def invoked(
    world: World,
    delivery_id: str,
    person: PersonRef,
    place: PlaceRef,
    command: str,
    arguments: Mapping[str, str],
    *,
    utterance_id: str = "",
) -> Invocation:
    """A command with its arguments, as an event."""
    return Invocation(
        utterance_id=utterance_id,
        delivery_id=delivery_id,
        person=person,
        place=place,
        command=command,
        arguments=dict(arguments),
        responder=LocalResponder(world, person, place),
    )


class LocalResponder:
    """Answers one invocation; see `bot.chat.Responder`. A private reply is a post that one person sees."""

    def __init__(self, world: World, person: PersonRef, place: PlaceRef) -> None:
        self._world = world
        self._person = person
        self._place = place
        self._last: str | None = None

    async def private(self, reply: Reply) -> None:
        await self._post(reply.text, self._extras(reply), person_of(self._person.resource_id))

    async def public(self, reply: Reply) -> None:
        await self._post(reply.text, self._extras(reply), "")

    async def form(self, form: Form) -> None:
        world = self._world
        button = Button(form.submit, form.command, form.arguments, person=self._person.resource_id)
        token = seal(button, where(self._place), world.now(), world.secret)
        await self._post(form.title, {"form": form_of(form, token)}, person_of(self._person.resource_id))

    async def update(self, reply: Reply) -> None:
        if self._last is None:
            await self.private(reply)
            return
        changes = {"text": reply.text, "extras": self._extras(reply)}
        workspace = workspace_of(self._place.workspace_id)
        if not await self._write(change_post, workspace, self._last, changes):
            raise PostRefused("The post is gone.")
        self._world.changed(workspace, self._place.address["channel"])

    def _extras(self, reply: Reply) -> dict[str, Any]:
        return extras_of(reply, where(self._place), self._world.now(), self._world.secret)

    async def _post(self, text: str, extras: Mapping[str, Any], only_for: str) -> None:
        workspace, channel = workspace_of(self._place.workspace_id), self._place.address["channel"]
        new = NewPost(
            workspace=workspace,
            channel=channel,
            root=self._place.address["root"],
            id=str(uuid4()),
            author="",
            text=text,
            at=self._world.now(),
            extras=extras,
            only_for=only_for,
        )
        self._last = await self._write(make_post, new)
        self._world.changed(workspace, channel)

    async def _write(self, function: Any, *given: Any) -> Any:
        try:
            return await self._world.store.write(function, *given)
        except StorageError as error:
            raise PostUncertain from error
