"""Stands before every page: who may ask at all, and what each answer forbids the browser."""

from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-src 'self'; frame-ancestors 'self'; base-uri 'none'"
)
HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "SAMEORIGIN",
}
_READING = frozenset({"GET", "HEAD"})


def addresses(port: int) -> frozenset[str]:
    """The names under which this machine alone is reached on a port, as a Host header has them."""
    hosts = ("127.0.0.1", "localhost", "[::1]")
    bare = hosts if port == 80 else ()  # noqa: PLR2004 (a browser leaves out HTTP's own port)
    return frozenset({*bare, *(f"{host}:{port}" for host in hosts)})


class Guard:
    """Refuses what comes under another name, or from another site.

    A page elsewhere may have its own name lead here; the browser then believes that both are one site. Its Host header
    gives that away.

    Args:
        app: what is guarded.
        port: where we are served.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._hosts = addresses(port)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        problem = self._problem(scope)
        app = self._app if problem is None else PlainTextResponse(problem, status_code=403)
        await app(scope, receive, send_guarded)

    def _problem(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return "The playground is served to this machine alone, under 127.0.0.1 or localhost."
        if scope["method"] in _READING:
            return None
        return None if _from_here(headers, hosts[0].lower()) else "This was not sent from a page of the playground."


def _from_here(headers: Headers, host: str) -> bool:
    """Whether a browser says that our own page sent this. One that says nothing is not believed."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    own = f"http://{host}"
    if site is None:
        return origin == own
    # A form that is sent without a script says "null": our pages tell nobody where their visitors come from.
    return site == "same-origin" and origin in {None, "null", own}
