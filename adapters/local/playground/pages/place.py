"""A channel, a direct conversation or a thread, as one person sees it; and its stream of news."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from adapters.local.ids import direct_channel
from adapters.local.playground.news import Sight
from adapters.local.playground.pages.naming import channel_in, number_in, person_in, post_in
from adapters.local.playground.pages.people import present
from adapters.local.playground.playground import Playground, playground_of, session_of
from adapters.local.playground.reading import Wanted
from adapters.local.playground.rendering import page_title, place_path, place_url, render
from adapters.local.playground.session import Session
from adapters.local.playground.showing import NO_DRAFT, Draft
from adapters.local.playground.sight import Shown, channel_name, look


async def home(request: Request) -> Response:
    """Begin at once: the first person's conversation with the bot."""
    people = await present(playground_of(request))
    if not people:
        return RedirectResponse("/people", 303)
    return RedirectResponse(place_path(people[0].name, direct_channel(people[0].name)), 303)


async def person(request: Request) -> Response:
    """A person's page is her conversation with the bot."""
    name = person_in(request)
    return RedirectResponse(place_path(name, direct_channel(name)), 303)


async def place(request: Request) -> Response:
    """A place, whole."""
    return await show_place(playground_of(request), session_of(request), wanted_in(request))


def wanted_in(request: Request) -> Wanted:
    """What an address asks for."""
    query = request.query_params
    return Wanted(
        person_in(request),
        channel_in(request),
        post_in(query.get("thread", "")),
        number_in(query.get("before", "")),
        post_in(query.get("edit", "")),
    )


async def show_place(
    playground: Playground, session: Session, wanted: Wanted, draft: Draft = NO_DRAFT, status: int = 200
) -> Response:
    """A place as a page; with what was sent in vain, where something was."""
    shown = await look(playground, session, wanted, draft)
    name = channel_name(shown.rows.here, playground.bot_name)
    thread = "Thread" if wanted.root else ""
    html = render(
        "place.html",
        shown=shown,
        regions=shown.sight.regions,
        lists=shown.sight.lists,
        wanted=wanted,
        rows=shown.rows,
        heading=name,
        # What was sent in vain would be replaced by what the stream knows nothing of.
        live="" if draft is not NO_DRAFT or wanted.before is not None else _live_url(wanted),
        title=page_title((thread, name, shown.rows.me.shown_name)),
        bot_name=playground.bot_name,
    )
    return HTMLResponse(html, status)


def _live_url(wanted: Wanted) -> str:
    page = place_url(wanted.person, wanted.channel, thread=wanted.root, edit=wanted.editing)
    path, _, query = page.partition("?")
    return f"{path}/live" + (f"?{query}" if query else "")


async def live(request: Request) -> Response:
    """What changes on a page, as it changes."""
    playground, session, wanted = playground_of(request), session_of(request), wanted_in(request)
    await look(playground, session, wanted)  # a place that is not hers is no stream

    async def see() -> Sight:
        shown: Shown = await look(playground, session, wanted)
        return shown.sight

    events = playground.news.stream(see, playground.world.now, session.expires)
    headers: Mapping[str, str] = {"x-accel-buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)
