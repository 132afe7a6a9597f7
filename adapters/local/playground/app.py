"""The playground's app: its addresses, and what stands around each of them."""

from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.local.adapter import LocalAdapter
from adapters.local.conversation import World
from adapters.local.playground.guard import HEADERS, Guard
from adapters.local.playground.news import News
from adapters.local.playground.pages import acts, files, people, place
from adapters.local.playground.pages.naming import ABSENT
from adapters.local.playground.playground import Playground, RolesOf, no_roles
from adapters.local.playground.rendering import STATIC, page_title, render
from adapters.local.playground.seed import WORKSPACE
from adapters.local.playground.session import Sessions
from adapters.local.playground.unread import Unread
from bot.commands.declaration import Registry
from bot.errors import BotError, InvalidArgument, NotAllowed, NotFound, StorageError

#: Every address but the static files: its path, its handler, its method, its name.
ROUTES = (
    Route("/", place.home, methods=["GET"], name="home"),
    Route("/people", people.people, methods=["GET"], name="people"),
    Route("/side-by-side", people.side_by_side, methods=["GET"], name="side-by-side"),
    Route("/as/{person}", place.person, methods=["GET"], name="person"),
    Route("/as/{person}/in/{channel}", place.place, methods=["GET"], name="place"),
    Route("/as/{person}/in/{channel}/live", place.live, methods=["GET"], name="live"),
    Route("/as/{person}/in/{channel}/complete", acts.complete, methods=["GET"], name="complete"),
    Route("/as/{person}/in/{channel}/say", acts.say, methods=["POST"], name="say"),
    Route("/as/{person}/in/{channel}/stop", acts.stop, methods=["POST"], name="stop"),
    Route("/as/{person}/posts/{post}/edit", acts.edit, methods=["POST"], name="edit"),
    Route("/as/{person}/posts/{post}/delete", acts.delete, methods=["POST"], name="delete"),
    Route("/as/{person}/posts/{post}/rate", acts.rate, methods=["POST"], name="rate"),
    Route("/as/{person}/posts/{post}/press", acts.press, methods=["POST"], name="press"),
    Route("/as/{person}/posts/{post}/files/{number}", files.download, methods=["GET"], name="file"),
    Route("/as/{person}/posts/{post}/pictures/{number}", files.picture, methods=["GET"], name="picture"),
)


def playground_app(
    adapter: LocalAdapter,
    world: World,
    registry: Registry,
    news: News,
    *,
    secret: bytes,
    port: int,
    workspace: str = WORKSPACE,
    mention: str = "keeper",
    bot_name: str = "Threadkeeper",
    roles_of: RolesOf = no_roles,
) -> Starlette:
    """The playground, to be served on this machine alone.

    Args:
        adapter: the local platform.
        world: what it is made of; its `changed` must be `news.tell`.
        registry: the commands that are completed and parsed.
        news: wakes open pages.
        secret: the key of the sessions' signatures.
        port: where it is served: requests under any other name are refused.
        workspace: whose people and channels are shown.
        mention: the name by which people mention the bot.
        bot_name: the name under which it is shown.
        roles_of: what a person is to the bot: of "supervisor" and "admin", those that she is.
    """
    app = Starlette(
        routes=[*ROUTES, Mount("/static", StaticFiles(directory=STATIC), name="static")],
        middleware=[Middleware(Guard, port=port), Middleware(WithSession, port=port)],
        exception_handlers={HTTPException: _http_problem, BotError: _problem, Exception: _bug},
    )
    app.state.playground = Playground(
        adapter, world, registry, news, Sessions(secret, world.now), Unread(), workspace, mention, bot_name, roles_of
    )
    return app


class WithSession:
    """Sees to it that each request has a session.

    Args:
        app: what needs one.
        port: of the server: cookies of one machine are shared by all its ports.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._cookie = f"playground_{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sessions: Sessions = scope["app"].state.playground.sessions
        request = Request(scope)
        session = sessions.of_cookie(request.cookies.get(self._cookie, ""))
        cookie = ""
        if session is None or sessions.wants_renewal(session):
            session = sessions.opened(session)
            cookie = f"{self._cookie}={sessions.cookie(session)}; Path=/; HttpOnly; SameSite=Lax"
        scope.setdefault("state", {})["session"] = session

        async def send_with_cookie(message: Message) -> None:
            if cookie and message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"set-cookie", cookie.encode())]}
            await send(message)

        await self._app(scope, receive, send_with_cookie)


_STATUS: tuple[tuple[type[BotError], HTTPStatus], ...] = (
    (NotFound, HTTPStatus.NOT_FOUND),
    (NotAllowed, HTTPStatus.FORBIDDEN),
    (InvalidArgument, HTTPStatus.UNPROCESSABLE_ENTITY),
    (StorageError, HTTPStatus.SERVICE_UNAVAILABLE),
)


async def _problem(request: Request, error: Exception) -> Response:
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    # What is not there and what may not be seen read alike.
    return _told(request, status, ABSENT if status == HTTPStatus.NOT_FOUND else str(error))


async def _http_problem(request: Request, error: Exception) -> Response:
    status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else 500)
    sentence = str(getattr(error, "detail", "")) or status.phrase
    sentences = {HTTPStatus.NOT_FOUND: ABSENT, HTTPStatus.METHOD_NOT_ALLOWED: "That cannot be done here."}
    return _told(request, status, sentences.get(status, sentence), getattr(error, "headers", None))


async def _bug(request: Request, _error: Exception) -> Response:
    sentence = "Something went wrong here. What you wrote may not have been taken; please look before you repeat it."
    return _told(request, HTTPStatus.INTERNAL_SERVER_ERROR, sentence, dict(HEADERS))


def _told(request: Request, status: HTTPStatus, sentence: str, headers: Any = None) -> Response:
    if acts.wants_json(request):
        return JSONResponse({"problem": sentence, "field": ""}, status, headers=headers)
    html = render("problem.html", sentence=sentence, title=page_title((status.phrase,)))
    return HTMLResponse(html, status, headers=headers)
