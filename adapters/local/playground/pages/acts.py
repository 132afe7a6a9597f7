"""What people do: say, change, delete, press, send, rate, stop. Each is a form of a page of ours."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from adapters.local.ids import resource_id
from adapters.local.page_rows import everybody
from adapters.local.playground.bodies import Sent, read_sent
from adapters.local.playground.completion import completions
from adapters.local.playground.pages.naming import channel_in, person_in, post_in
from adapters.local.playground.pages.place import show_place
from adapters.local.playground.playground import Playground, playground_of, session_of
from adapters.local.playground.reading import Wanted
from adapters.local.playground.rendering import page_title, place_url, render
from adapters.local.playground.showing import Draft
from adapters.local.playground.sight import roles_of
from adapters.local.world_rows import LocalPost
from bot.commands.declaration import Command, Registry
from bot.commands.grammar import PersonOf, typed_command
from bot.errors import InvalidArgument, NotAllowed

#: Longest text that is said here at once, in characters.
TEXT_CHARACTERS = 100_000
_RATINGS = frozenset({"good", "bad", "none"})
_STALE = "This page is too old. Please load it again; nothing was done."


@dataclass(frozen=True, slots=True)
class Act:
    """A form that came back from one of our pages."""

    request: Request
    playground: Playground
    person: str
    sent: Sent

    @property
    def by_script(self) -> bool:
        """Whether the page's script sent it, and wants to be told instead of shown."""
        return wants_json(self.request)

    def done(self, url: str) -> Response:
        """It is done: go on there."""
        return JSONResponse({"go": url}) if self.by_script else RedirectResponse(url, 303)

    async def again(self, wanted: Wanted, draft: Draft) -> Response:
        """It cannot be done: the page again, with all that was written and what is wrong with it."""
        if self.by_script:
            return JSONResponse({"problem": draft.problem, "field": draft.field}, 422)
        return await show_place(self.playground, session_of(self.request), wanted, draft, 422)


def wants_json(request: Request) -> bool:
    """Whether the page's script asks."""
    return "application/json" in request.headers.get("accept", "")


def act(done: Callable[[Act], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """A handler of a form, which comes only to see what a page of this session sent."""

    async def handler(request: Request) -> Response:
        person = person_in(request)
        playground = playground_of(request)
        sent = await read_sent(request)
        if not playground.sessions.holds(session_of(request), sent["csrf"]):
            raise NotAllowed(_STALE)
        return await done(Act(request, playground, person, sent))

    return handler


# In a place


async def _say(act: Act) -> Response:
    channel, root, text = channel_in(act.request), post_in(act.sent["root"]), act.sent["text"]
    wanted = Wanted(act.person, channel, root)
    playground = act.playground
    try:
        _check_text(text, bool(act.sent.files))
        if text.startswith("/"):
            await _command(act, channel, root, text)
            return act.done(place_url(act.person, channel, thread=root))
        post_id = await playground.adapter.say(
            playground.workspace, channel, act.person, text, root=root, files=act.sent.files
        )
    except (InvalidArgument, NotAllowed) as error:
        return await act.again(wanted, Draft("", {**act.sent.fields, "root": root}, str(error), "text"))
    asks = not root and not channel.startswith("@") and _mentions(text, playground.mention)
    # The answer to a mention stands in the thread below it.
    return act.done(place_url(act.person, channel, thread=post_id if asks else root))


def _check_text(text: str, has_files: bool) -> None:  # noqa: FBT001
    if not text.strip() and not has_files:
        raise InvalidArgument("text", "Write something first.")
    if len(text) > TEXT_CHARACTERS:
        raise InvalidArgument("text", f"At most {TEXT_CHARACTERS:,} characters can be said at once.")


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w@])@{re.escape(name)}(?![\w])", text, re.IGNORECASE) is not None


async def _command(act: Act, channel: str, root: str, text: str) -> None:
    if act.sent.files:
        raise InvalidArgument("text", "A command takes no files.")
    playground = act.playground
    people = {one.name for one in await playground.world.store.read(everybody, playground.workspace)}

    def person_named(word: str) -> str | None:
        name = word.removeprefix("@").lower()
        return resource_id(playground.workspace, name) if word.startswith("@") and name in people else None

    command, arguments = typed(text[1:], playground.registry, person_named)
    await playground.adapter.command(playground.workspace, channel, act.person, command.name, arguments, root=root)


def typed(text: str, registry: Registry, person_named: PersonOf) -> tuple[Command, dict[str, str]]:
    """A typed command.

    Raises:
        InvalidArgument: there is none of that name, or what stands behind the name does not fit it.
    """
    words = text.lower().split()
    found = typed_command(text, registry, person_named)
    if found is None:
        named = [registry.find(" ".join(words[:length])) for length in (2, 1) if len(words) >= length]
        command = next((one for one in named if one is not None and one.typed), None)
        if command is None:
            shown = f"/{words[0][:40]}" if words else "/"
            raise InvalidArgument("text", f"There is no command {shown}. Type / to see those that there are.")
        takes = ", ".join(f"{one.name}:…" for one in command.options) or "nothing"
        raise InvalidArgument("text", f"/{command.name} does not understand all of this. It takes: {takes}.")
    found.command.read(found.arguments)
    return found.command, found.arguments


async def _stop(act: Act) -> Response:
    channel, root = channel_in(act.request), post_in(act.sent["root"])
    await act.playground.adapter.stop(act.playground.workspace, channel, act.person, root=root)
    return act.done(place_url(act.person, channel, thread=root))


# With a post


async def _post(act: Act) -> LocalPost:
    post_id = post_in(act.request.path_params["post"])
    return await act.playground.adapter.post(act.playground.workspace, post_id, act.person)


def _where(act: Act, post: LocalPost, *, editing: bool = False) -> Wanted:
    # Where it was done: a post at a channel's top may have been seen in its thread.
    thread = post.root or (post.id if act.sent["in"] == "thread" else "")
    return Wanted(act.person, post.channel, thread, editing=post.id if editing else "")


def _url(wanted: Wanted) -> str:
    return place_url(wanted.person, wanted.channel, thread=wanted.root)


async def _edit(act: Act) -> Response:
    post = await _post(act)
    try:
        _check_text(act.sent["text"], bool(post.extras.get("attachments")))
        await act.playground.adapter.edit(act.playground.workspace, post.id, act.person, act.sent["text"])
    except (InvalidArgument, NotAllowed) as error:
        draft = Draft(post.id, act.sent.fields, str(error), "text")
        return await act.again(_where(act, post, editing=True), draft)
    return act.done(_url(_where(act, post)))


async def _delete(act: Act) -> Response:
    post = await _post(act)
    question = "Delete this message? The bot forgets it too."
    if not act.sent["confirmed"]:
        return _ask(act, post, question, "Delete")
    await act.playground.adapter.delete(act.playground.workspace, act.person, post.id)
    gone = act.sent["in"] == "thread" and not post.root
    return act.done(place_url(act.person, post.channel) if gone else _url(_where(act, post)))


async def _rate(act: Act) -> Response:
    post = await _post(act)
    if act.sent["value"] not in _RATINGS or not post.extras.get("rateable"):
        raise InvalidArgument("value", "This cannot be rated so.")
    await act.playground.adapter.rate(act.playground.workspace, post.id, act.person, act.sent["value"])
    return act.done(_url(_where(act, post)))


async def _press(act: Act) -> Response:
    post = await _post(act)
    token = act.sent["button"]
    pressed = [button for button in post.extras.get("buttons", ()) if button["token"] == token]
    if pressed and pressed[0]["confirm"] and not act.sent["confirmed"]:
        return _ask(act, post, pressed[0]["confirm"], pressed[0]["label"])
    fields = {
        name.removeprefix("field."): value for name, value in act.sent.fields.items() if name.startswith("field.")
    }
    try:
        await act.playground.adapter.press(act.playground.workspace, post.id, act.person, token, fields)
    except InvalidArgument as error:
        sentence = str(error) if str(error).endswith(".") else f"{error}."
        draft = Draft(post.id, fields, sentence, error.parameter)
        return await act.again(_where(act, post), draft)
    return act.done(_url(_where(act, post)))


def _ask(act: Act, post: LocalPost, question: str, label: str) -> Response:
    """Ask whether it is meant, where no script has asked already."""
    if act.by_script:
        return JSONResponse({"problem": question, "field": "confirmed"}, 409)
    values = {
        "question": question,
        "label": label,
        "fields": {**act.sent.fields, "confirmed": "1"},
        "action": act.request.url.path,
        "back": _url(_where(act, post)),
        "title": page_title((question,)),
    }
    return HTMLResponse(render("confirm.html", **values))


async def complete(request: Request) -> Response:
    """How the command that is being typed may go on."""
    playground, name = playground_of(request), person_in(request)
    everyone = await playground.world.store.read(everybody, playground.workspace)
    me = next((one for one in everyone if one.name == name and one.active), None)
    if me is None:
        return JSONResponse([])
    roles = await roles_of(playground, me)
    people = [(one.name, one.shown_name) for one in everyone if one.role != "bot"]
    found = completions(request.query_params.get("text", "")[:500], playground.registry, people, roles)
    return JSONResponse([{"text": one.text, "label": one.label, "hint": one.hint} for one in found])


say, stop, edit, delete, rate, press = (act(one) for one in (_say, _stop, _edit, _delete, _rate, _press))
