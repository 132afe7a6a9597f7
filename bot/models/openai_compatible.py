"""A model behind any server that speaks OpenAI's Chat Completions, streamed.

openai takes most of a second to import, so it is loaded with the first question, in a thread, and not with this module.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from bot.errors import ModelError, ModelTimeout, NotAvailable, SettingsError
from bot.limits import ANSWER_TOKENS, EMBEDDING_BATCH, MODEL_CONNECT_TIME, MODEL_RETRY_TIME, STREAM_IDLE_TIME
from bot.models.assembly import Assembly, Chunk, is_object, prompt_characters, read_chunk
from bot.models.failures import expected, retry_delay, translated
from bot.models.port import ModelEvent, ModelRequest, PromptMessage, TextDelta, ToolCall, ToolSpec
from bot.models.vectors import alike, read_vectors
from bot.settings import Settings

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream

_T = TypeVar("_T")

#: The pauses before the second and the third try.
RETRY_PAUSES = (timedelta(milliseconds=500), timedelta(seconds=2))


class OpenAICompatibleModel:
    """A `Model` on a server that speaks Chat Completions; the keyword arguments mean what the settings mean.

    `retry_time` bounds everything before the first sign of an answer: all tries, with one of `retry_pauses` before each
    further one. `idle_time` bounds each silence after it. Close it when done.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        token_limit_field: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens",  # noqa: S107 (a field)
        answer_tokens: int = ANSWER_TOKENS,
        stream_usage: bool = True,
        system_role: Literal["system", "developer"] = "system",
        tools: bool = True,
        embedding_model: str | None = None,
        embedding_encoding: Literal["float", "base64"] = "float",
        idle_time: timedelta = STREAM_IDLE_TIME,
        retry_time: timedelta = MODEL_RETRY_TIME,
        connect_time: timedelta = MODEL_CONNECT_TIME,
        retry_pauses: Sequence[timedelta] = RETRY_PAUSES,
    ) -> None:
        self._model = model
        self._base_url = base_url
        self._api_key = api_key
        self._connect_time = connect_time
        self._token_limit_field = token_limit_field
        self._answer_tokens = answer_tokens
        self._stream_usage = stream_usage
        self._system_role = system_role
        self._tools = tools
        self._embedding_model = embedding_model
        self._embedding_encoding = embedding_encoding
        self._idle_time = idle_time
        self._retry_time = retry_time
        self._retry_pauses = tuple(retry_pauses)
        self._client: AsyncOpenAI | None = None
        self._connecting = asyncio.Lock()

    @classmethod
    def from_settings(cls, settings: Settings) -> "OpenAICompatibleModel":
        """The model that an operator has set.

        Raises:
            SettingsError: none is set.
        """
        if settings.model is None:
            raise SettingsError("MODEL is not set, so there is no model to ask.")
        return cls(
            settings.model,
            base_url=settings.openai_base_url,
            api_key=settings.openai_api_key.get_secret_value() if settings.openai_api_key else None,
            token_limit_field=settings.model_token_limit_field,
            answer_tokens=settings.model_answer_tokens,
            stream_usage=settings.model_stream_usage,
            system_role=settings.model_system_role,
            tools=settings.model_tools,
            embedding_model=settings.embedding_model,
            embedding_encoding=settings.embedding_encoding,
        )

    @property
    def name(self) -> str:
        """The model's name as its server knows it."""
        return self._model

    @property
    def offline(self) -> bool:
        """Never: there is a server behind it."""
        return False

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Answer `request` as it comes, as the port says.

        Raises:
            ModelError: the answer did not come, broke off, or cannot be used.
        """
        assembly = Assembly(prompt_characters(request))
        chunks, chunk = await self._begin(self._body(request))
        try:
            while chunk is not None:
                if text := assembly.add(chunk):
                    yield TextDelta(text)
                chunk = None if assembly.full else await self._next(chunks, assembly)
        finally:
            await chunks.close()
        yield assembly.finished()

    async def embed(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        """One vector for each text, all of the same dimensions, in the texts' order.

        Raises:
            NotAvailable: no embedding model is set.
            ModelError: the vectors did not come, or are not one for each text.
        """
        if self._embedding_model is None:
            raise NotAvailable("There is no embedding model, so texts cannot be compared by their meaning.")
        vectors: list[tuple[float, ...]] = []
        for start in range(0, len(texts), EMBEDDING_BATCH):
            vectors += await self._embed_batch(list(texts[start : start + EMBEDDING_BATCH]))
        try:
            return alike(vectors)
        except ValueError as error:
            raise translated(error) from error

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.close()

    def _body(self, request: ModelRequest) -> dict[str, Any]:
        """What is sent: only fields that every compatible server takes, or that the settings ask for."""
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [_message(message, self._system_role) for message in request.messages],
            "stream": True,
            self._token_limit_field: min(request.max_tokens or self._answer_tokens, self._answer_tokens),
        }
        if self._tools and request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
        if self._stream_usage:
            body["stream_options"] = {"include_usage": True}
        return body

    async def _begin(self, body: dict[str, Any]) -> "tuple[AsyncStream[Any], Chunk | None]":
        """Open the stream and wait for its first chunk: until then trying again is invisible."""

        async def attempt(client: "AsyncOpenAI") -> "tuple[AsyncStream[Any], Chunk | None]":
            chunks: AsyncStream[Any] = await client.chat.completions.create(**body)
            try:
                return chunks, await _read(chunks)
            except BaseException:
                await chunks.close()
                raise

        return await self._persist(attempt)

    async def _next(self, chunks: "AsyncStream[Any]", assembly: Assembly) -> Chunk | None:
        """The next chunk, None at the end. After the whole answer a failure is an end too: only the count is lost."""
        try:
            async with asyncio.timeout(self._idle_time.total_seconds()):
                return await _read(chunks)
        except expected() as error:
            if assembly.ended:
                return None
            raise translated(error) from error

    async def _embed_batch(self, texts: list[str]) -> list[tuple[float, ...]]:
        async def attempt(client: "AsyncOpenAI") -> list[tuple[float, ...]]:
            # The encoding is always said: openai would ask for base64 by itself, which some servers refuse.
            answer = await client.embeddings.create(
                model=self._embedding_model or "", input=texts, encoding_format=self._embedding_encoding
            )
            return read_vectors(answer, len(texts))

        return await self._persist(attempt)

    async def _persist(self, attempt: "Callable[[AsyncOpenAI], Awaitable[_T]]") -> _T:
        """Try until it works, for `retry_time`; when that is over, what went wrong last is what is said."""
        client = await self._connected()
        pauses = iter(self._retry_pauses)
        failure: ModelError = ModelTimeout()
        clock = asyncio.get_running_loop().time
        end = clock() + self._retry_time.total_seconds()
        try:
            async with asyncio.timeout_at(end):
                while True:
                    try:
                        return await attempt(client)
                    except expected() as error:
                        failure = translated(error)
                        delay = retry_delay(error, next(pauses, None))
                        if delay is None or clock() + delay >= end:
                            raise failure from error
                    await asyncio.sleep(delay)
        except TimeoutError as error:
            raise failure from error

    async def _connected(self) -> "AsyncOpenAI":
        async with self._connecting:
            if self._client is None:
                self._client = await asyncio.to_thread(self._connect)
            return self._client

    def _connect(self) -> "AsyncOpenAI":
        from bot.models.connection import connect  # noqa: PLC0415 (loads openai)

        try:
            return connect(self._base_url, self._api_key, self._connect_time)
        except expected() as error:
            raise translated(error) from error


async def _read(chunks: "AsyncStream[Any]") -> Chunk | None:
    """The next chunk, None where the stream ends."""
    try:
        return read_chunk(await anext(chunks))
    except StopAsyncIteration:
        return None


def _message(message: PromptMessage, system_role: str) -> dict[str, Any]:
    match message.role:
        case "system":
            return {"role": system_role, "content": message.content}
        case "tool":
            return {"role": "tool", "content": message.content, "tool_call_id": message.tool_call_id}
        case "assistant" if message.tool_calls:
            calls = [_tool_call(call) for call in message.tool_calls]
            return {"role": "assistant", "content": message.content or None, "tool_calls": calls}
        case _:
            return {"role": message.role, "content": message.content}


def _tool_call(call: ToolCall) -> dict[str, Any]:
    """A call as the model made it, except for malformed arguments: some servers would refuse the whole conversation."""
    arguments = call.arguments if is_object(call.arguments) else "{}"
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}
