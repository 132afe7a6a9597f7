"""The HTTP client behind the model: openai's, with bounds. Loads openai, so it is imported on first use only."""

from collections.abc import AsyncIterator
from datetime import timedelta

from httpx2 import AsyncByteStream, Response
from openai import AsyncOpenAI, DefaultAsyncHttpx2Client, Timeout

from bot.errors import ModelAnswerUnusable
from bot.limits import MODEL_RESPONSE_BYTES

OPENAI_ADDRESS = "https://api.openai.com/v1"


def connect(base_url: str | None, api_key: str | None, connect_time: timedelta) -> AsyncOpenAI:
    """A client that tries once and waits for nothing but the connection: retries and waits are the caller's.

    Raises:
        httpx2.InvalidURL: `base_url` is no address.
    """
    return AsyncOpenAI(
        # What is not set is said explicitly: openai would look into the environment by itself.
        base_url=base_url or OPENAI_ADDRESS,
        # Servers on one's own machine need no key, but openai refuses to start without one.
        api_key=api_key or "none",
        max_retries=0,
        http_client=DefaultAsyncHttpx2Client(
            timeout=Timeout(None, connect=connect_time.total_seconds()),
            event_hooks={"response": [_bound]},
        ),
        # A compressed body could unfold to any size.
        default_headers={"Accept-Encoding": "identity"},
    )


async def _bound(response: Response) -> None:
    if isinstance(response.stream, AsyncByteStream):
        response.stream = _BoundedBody(response.stream)


class _BoundedBody(AsyncByteStream):
    """A response's body that ends in an error where it would grow beyond `MODEL_RESPONSE_BYTES`."""

    def __init__(self, body: AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        async for piece in self._body:
            received += len(piece)
            if received > MODEL_RESPONSE_BYTES:
                raise ModelAnswerUnusable
            yield piece

    async def aclose(self) -> None:
        await self._body.aclose()
