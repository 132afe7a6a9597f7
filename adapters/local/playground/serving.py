"""Serves the playground on this machine alone."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from adapters.local.playground.playground import Playground
from bot.errors import SettingsError

HOST = "127.0.0.1"
#: How long requests that run may go on when the server ends.
_GRACE_SECONDS = 3


def bound(port: int) -> socket.socket:
    """A socket of this machine alone, bound to a port; 0 is any that is free.

    Raises:
        SettingsError: the port cannot be had.
    """
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
        # From here on whoever comes waits until she is served.
        found.listen()
    except OSError as error:
        found.close()
        raise SettingsError(f"Port {port} of this machine cannot be used: {error.strerror}.") from error
    return found


async def serve_playground(app: Starlette, listening: socket.socket, stop: asyncio.Event) -> None:
    """Serve until `stop` is set; then end every page's stream and finish what runs.

    Args:
        app: from `playground_app`.
        listening: from `bound`.
        stop: set when it is to end; the signals are their owner's.
    """
    playground: Playground = app.state.playground
    # Addresses may hold what somebody types: they are not logged.
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", server_header=False, proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )  # fmt: skip
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        playground.news.close()
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    """A server that leaves the signals alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
