"""No server is there, or none that the operator's address and key lead to."""

import asyncio
import time
from socket import socket

import pytest

from bot.errors import ModelFailed, ModelRefused, ModelUnreachable
from tests.bot.models.asking import ask_in_vain, assert_honest
from tests.model_server import ModelServer


def unused_port() -> int:
    with socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


async def test_nobody_listens() -> None:
    base_url = f"http://127.0.0.1:{unused_port()}/v1"
    error, _ = await ask_in_vain(base_url)
    assert type(error) is ModelUnreachable
    assert_honest(error, base_url)


async def test_nobody_accepts() -> None:
    with socket() as listener, socket() as first, socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for filler in (first, second):  # the queue holds one more than it says
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        began = time.monotonic()
        error, _ = await ask_in_vain(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", retry_pauses=())
    assert type(error) is ModelUnreachable
    assert time.monotonic() - began < 1


async def test_what_listens_does_not_speak_tls() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 This is not TLS\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listener:
        base_url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
        error, _ = await ask_in_vain(base_url)
    assert type(error) is ModelUnreachable
    assert_honest(error, base_url)


async def test_what_listens_hangs_up_at_once() -> None:
    listener = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with listener:
        error, _ = await ask_in_vain(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1")
    assert type(error) is ModelFailed


@pytest.mark.parametrize("base_url", ["http://", "ftp://host/v1", "http://host:port/v1"])
async def test_an_address_that_is_none_is_the_operators_matter(base_url: str) -> None:
    error, _ = await ask_in_vain(base_url)
    assert (type(error), str(error)) == (ModelRefused, ModelRefused.__doc__)


@pytest.mark.parametrize("key", ["sk-canary-\u00e9\u4e16", "sk-canary-\nline"])
async def test_a_key_that_no_header_can_carry_is_the_operators_matter(server: ModelServer, key: str) -> None:
    error, _ = await ask_in_vain(server.base_url, api_key=key)
    assert type(error) is ModelRefused
    assert_honest(error, server.base_url)
    assert server.requests == []
