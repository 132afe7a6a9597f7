"""Who lives here: whom to speak as; and two persons side by side."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from adapters.local.ids import direct_channel
from adapters.local.page_rows import Inhabitant, everybody
from adapters.local.playground.pages.naming import absent
from adapters.local.playground.playground import Playground, playground_of
from adapters.local.playground.rendering import page_title, place_path, render
from adapters.local.playground.sight import role_shown, roles_of


@dataclass(frozen=True, slots=True)
class Card:
    """A person whom one can speak as."""

    name: str
    shown_name: str
    role: str
    url: str


async def present(playground: Playground) -> list[Inhabitant]:
    """The people whom one can speak as; members first, for they are why the bot is there."""
    everyone = await playground.world.store.read(everybody, playground.workspace)
    people = [one for one in everyone if one.active and one.role != "bot"]
    return sorted(people, key=lambda one: one.role != "member")


async def _cards(playground: Playground) -> list[Card]:
    return [
        Card(
            one.name,
            one.shown_name,
            role_shown(await roles_of(playground, one)),
            place_path(one.name, direct_channel(one.name)),
        )
        for one in await present(playground)
    ]


async def people(request: Request) -> Response:
    """Everybody, to be picked."""
    playground = playground_of(request)
    cards = await _cards(playground)
    title = page_title(("People",))
    return HTMLResponse(render("people.html", cards=cards, title=title, bot_name=playground.bot_name))


async def side_by_side(request: Request) -> Response:
    """Two persons' pages beside each other: what a supervisor sees, and what the one sees whose words they are."""
    playground = playground_of(request)
    cards = await _cards(playground)
    if not cards:
        raise absent()
    by_name = {card.name: card for card in cards}
    supervisors = [card for card in cards if "supervisor" in card.role]
    left = request.query_params.get("left") or (supervisors or cards)[0].name
    right = request.query_params.get("right") or next((card.name for card in cards if card.name != left), left)
    if left not in by_name or right not in by_name:
        raise absent()
    panes = (by_name[left], by_name[right])
    title = page_title((f"{panes[0].shown_name} beside {panes[1].shown_name}",))
    values = {"cards": cards, "panes": panes, "title": title, "bot_name": playground.bot_name}
    return HTMLResponse(render("side_by_side.html", **values))
