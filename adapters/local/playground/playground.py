"""What the playground is made of, and what its pages need to know of whoever asks."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request

from adapters.local.adapter import LocalAdapter
from adapters.local.conversation import World
from adapters.local.inbound import place_ref
from adapters.local.playground.news import News
from adapters.local.playground.session import Session, Sessions
from adapters.local.playground.unread import Unread
from bot.chat import PersonRef, PlaceRef
from bot.commands.declaration import Registry

#: What a person is to the bot, beside being a member: "supervisor", "admin".
RolesOf = Callable[[PersonRef], Awaitable[frozenset[str]]]


async def no_roles(_person: PersonRef) -> frozenset[str]:
    """Nobody is more than a member."""
    return frozenset()


@dataclass(frozen=True, slots=True)
class Playground:
    """What pages are made with."""

    adapter: LocalAdapter
    world: World
    registry: Registry
    news: News
    sessions: Sessions
    unread: Unread
    workspace: str
    #: By which people mention the bot.
    mention: str
    #: By which it is shown.
    bot_name: str
    roles_of: RolesOf

    def place(self, channel: str, kind: str, root: str) -> PlaceRef:
        """A place by its names."""
        return place_ref(self.workspace, {"name": channel, "kind": kind}, root)


def playground_of(request: Request) -> Playground:
    """The playground that a request is for."""
    found: Playground = request.app.state.playground
    return found


def session_of(request: Request) -> Session:
    """The session of a request; `WithSession` has seen to it that there is one."""
    found: Session = request.state.session
    return found
