"""As much of HTTP as the loopback platform and its adapter need: one request with JSON on one connection."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any


class NotSent(Exception):
    """Nobody listens: the request never left."""


class NotAnswered(Exception):
    """The request left, and the connection ended without an answer."""


async def ask(address: str, path: str, body: Mapping[str, Any], seconds: float = 5.0) -> Answer:
    """Send a request and wait for its answer.

    Raises:
        NotSent: nothing can have arrived.
        NotAnswered: it may have arrived.
    """
    host, _, port = address.partition(":")
    try:
        reader, writer = await asyncio.open_connection(host, int(port))
    except OSError as error:
        raise NotSent from error
    try:
        data = json.dumps(body).encode()
        writer.write(f"POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
        async with asyncio.timeout(seconds):
            await writer.drain()
            first, _headers, given = await read_message(reader)
        return Answer(int(first.split(" ")[1]), given)
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise NotAnswered from error
    finally:
        writer.close()


async def read_message(reader: asyncio.StreamReader) -> tuple[str, Mapping[str, str], Any]:
    """A request or an answer: its first line, its headers with names in lower case, and what its JSON says."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return head[0], headers, json.loads(body or b"null")


def written(answer: Answer) -> bytes:
    """An answer as bytes."""
    data = json.dumps(answer.body).encode()
    head = f"HTTP/1.1 {answer.status} Status\r\nConnection: close\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data
