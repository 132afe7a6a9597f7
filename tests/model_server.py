"""A model server on the loopback interface: OpenAI-compatible, strict, and as broken as a test wants it.

    async with ModelServer() as server:
        server.script(Status(429), tool_calls(("search", '{"query": "tea"}')), text("Green tea."))
        model = OpenAICompatibleModel("some-model", base_url=server.base_url)
        ...
        assert [request.body["model"] for request in server.requests] == ["some-model"] * 3
        assert server.violations == []

Each call takes the next behaviour of the script; when none is left, `server.default` answers. A behaviour is any
`async (Exchange) -> None`, which may look at `exchange.request.body`; those here are what the tests needed so far.
"""

import asyncio
import base64
import json
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from tests.model_strictness import violations_of

ANSWER = "This is the answer of the model."
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}

#: A frame of a stream: a chunk, sent as an event, or bytes, sent as they are.
Frame = Mapping[str, Any] | bytes
KEEP_ALIVE = b": keep-alive\n\n"
NO_CHOICES: Mapping[str, Any] = {"object": "chat.completion.chunk", "choices": []}
HALF_UTF8 = b'data: {"choices": [{"index": 0, "delta": {"content": "\xe2\x82"}}]}\n\n'
HALF_JSON = b'data: {"choices": [{"index": 0, "delta": {"cont\n\n'

#: How a stream ends: with [DONE]; without it; never, in silence, in keep-alives, or repeating its last frame; with the
#: connection reset; with the connection closed inside a piece.
Ending = Literal["done", "no_done", "silence", "keep_alive", "repeat", "reset", "cut"]


@dataclass(frozen=True)
class Request:
    """One call as it came. Names of headers are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


class Exchange:
    """One request and the way to answer it. Nothing of HTTP is checked: a behaviour may send nonsense."""

    def __init__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.request = request
        self._writer = writer

    async def begin(self, status: int, headers: Mapping[str, str]) -> None:
        lines = [f"{name}: {value}" for name, value in headers.items()]
        await self.send("\r\n".join([f"HTTP/1.1 {status} Status", "Connection: close", *lines, "", ""]).encode())

    async def begin_stream(self) -> None:
        await self.begin(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})

    async def send_json(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        own = {"Content-Type": "application/json", "Content-Length": str(len(data))}
        await self.begin(status, own | dict(headers or {}))
        await self.send(data)

    async def send_frame(self, frame: Frame) -> None:
        """Send one event as one piece of a stream."""
        data = frame if isinstance(frame, bytes) else f"data: {json.dumps(frame)}\n\n".encode()
        await self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def reset(self) -> None:
        """End the connection with RST instead of FIN."""
        raw: socket.socket = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Behaviour = Callable[[Exchange], Awaitable[None]]


@dataclass(frozen=True)
class Stream:
    """A streamed answer. `usage` False: the server sends no count, although it is asked to."""

    frames: tuple[Frame, ...]
    ending: Ending = "done"
    pause: float = 0.0
    usage: bool = True

    async def __call__(self, exchange: Exchange) -> None:
        await exchange.begin_stream()
        for frame in self.frames:
            await exchange.send_frame(frame)
            await asyncio.sleep(self.pause)
        match self.ending:
            case "done" | "no_done":
                await self._end(exchange)
            case "silence":
                await asyncio.Event().wait()
            case "keep_alive" | "repeat":
                while True:
                    await exchange.send_frame(KEEP_ALIVE if self.ending == "keep_alive" else self.frames[-1])
                    await asyncio.sleep(self.pause)
            case "reset":
                exchange.reset()
            case "cut":
                await exchange.send(b"ff\r\ndata: {")

    async def _end(self, exchange: Exchange) -> None:
        if self.usage and "stream_options" in exchange.request.body:
            await exchange.send_frame({**NO_CHOICES, "usage": USAGE})
        if self.ending == "done":
            await exchange.send_frame(b"data: [DONE]\n\n")
        await exchange.send(b"0\r\n\r\n")


@dataclass(frozen=True)
class Status:
    """A refusal, with the body that OpenAI sends."""

    status: int
    code: str | None = None
    message: str = "SECRET-OF-THE-PROVIDER"
    headers: Mapping[str, str] = field(default_factory=dict)

    async def __call__(self, exchange: Exchange) -> None:
        error = {"message": self.message, "type": "some_error", "param": None, "code": self.code}
        await exchange.send_json(self.status, {"error": error}, self.headers)


@dataclass(frozen=True)
class Silence:
    """Nothing at all is answered, not even the head."""

    async def __call__(self, exchange: Exchange) -> None:
        del exchange
        await asyncio.Event().wait()


@dataclass(frozen=True)
class Refusing:
    """A server that knows no field of this name, or not with this value; what lacks it is answered."""

    name: str
    value: Any = None

    async def __call__(self, exchange: Exchange) -> None:
        sent = exchange.request.body.get(self.name)
        refused = sent is not None and self.value in (None, sent)
        await (Status(400, "unknown_parameter") if refused else answer_by_default)(exchange)


@dataclass(frozen=True)
class Vectors:
    """Embeddings, the same for the same text. `encoding` None: as asked; `backwards`: the last text's comes first."""

    encoding: Literal["float", "base64"] | None = None
    backwards: bool = False
    dimensions: int = 3
    missing: int = 0

    async def __call__(self, exchange: Exchange) -> None:
        encoding = self.encoding or exchange.request.body.get("encoding_format", "base64")
        texts = exchange.request.body["input"]
        vectors: list[Any] = [vector_of(text, self.dimensions) for text in texts[: len(texts) - self.missing]]
        if encoding == "base64":
            vectors = [base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() for vector in vectors]
        data = [{"index": index, "embedding": vector} for index, vector in enumerate(vectors)]
        await exchange.send_json(200, {"object": "list", "data": data[::-1] if self.backwards else data})


def frame(finish: str | None = None, **delta: Any) -> Mapping[str, Any]:
    """One chunk of a stream, as `frame(content="Hello")` or `frame("stop")`."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice]}


def text(answer: str = ANSWER, *, pieces: int = 3, finish: str | None = "stop", **options: Any) -> Stream:
    """An answer in so many pieces; `options` are those of `Stream`."""
    size = max(1, -(-len(answer) // pieces))
    frames = [frame(content=answer[start : start + size]) for start in range(0, len(answer), size)]
    return Stream((frame(role="assistant", content=""), *frames, *([frame(finish)] if finish else ())), **options)


def tool_calls(
    *calls: tuple[str, str], way: Literal["fragments", "whole", "no_ids"] = "fragments", finish: str = "tool_calls"
) -> Stream:
    """Wishes to run tools, each a name and its arguments. `whole`: each in one chunk; `no_ids`: and its id is null."""
    pieces: list[dict[str, Any]] = []
    for index, (name, arguments) in enumerate(calls):
        own = None if way == "no_ids" else f"call_of_{name}_{index}"
        if way == "fragments":
            halves = (arguments[: len(arguments) // 2], arguments[len(arguments) // 2 :])
            pieces.append({"index": index, "id": own, "type": "function", "function": {"name": name, "arguments": ""}})
            pieces += [{"index": index, "function": {"arguments": half}} for half in halves]
        else:
            function = {"name": name, "arguments": arguments}
            pieces.append({"index": index, "id": own, "type": "function", "function": function})
    return Stream((*(frame(tool_calls=[piece]) for piece in pieces), frame(finish)))


def vector_of(text: str, dimensions: int = 3) -> list[float]:
    """What `Vectors` answers for a text; its numbers are exact as 32-bit floats."""
    return [float(len(text)), *(float(sum(text.encode()) % (place + 7)) for place in range(dimensions - 1))]


async def answer_by_default(exchange: Exchange) -> None:
    """Text for a chat, vectors for embeddings, no such page for the rest."""
    behaviours: dict[str, Behaviour] = {"chat/completions": text(), "embeddings": Vectors()}
    await behaviours.get(exchange.request.path.removeprefix("/v1/"), Status(404))(exchange)


class ModelServer:
    """The server. What it was sent stands in `requests`, what a strict server would not have taken in `violations`."""

    def __init__(self, default: Behaviour = answer_by_default) -> None:
        self.default = default
        self.requests: list[Request] = []
        self.violations: list[str] = []
        #: Answers that the client did not wait for the end of.
        self.left_early = 0
        self._script: deque[Behaviour] = deque()
        self._asked = asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        while self._open:
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()

    def script(self, *behaviours: Behaviour) -> None:
        """Answer the next calls in this way, one each."""
        self._script.extend(behaviours)

    async def asked(self) -> None:
        """Wait, a few seconds at most, for the first call."""
        await asyncio.wait_for(self._asked.wait(), 5)

    async def quiet(self) -> None:
        """Wait, a few seconds at most, until every connection is closed."""
        await asyncio.wait_for(asyncio.gather(*self._open), 5)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def leave(task: asyncio.Task[None]) -> None:
            self._open.discard(task)
            # Here and not in the task: one that is cancelled before it began would leave its connection open.
            writer.transport.abort() if task.cancelled() else writer.close()

        task = asyncio.create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(leave)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _read_request(reader)
            self.requests.append(request)
            self._asked.set()
            self.violations += violations_of(request.path, request.headers, request.body)
            behaviour = self._script.popleft() if self._script else self.default
            await self._play(behaviour, Exchange(request, writer), reader)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left_early += 1

    async def _play(self, behaviour: Behaviour, exchange: Exchange, reader: asyncio.StreamReader) -> None:
        """Answer, unless the client leaves before. It sends nothing more, so it can only be its end that is read."""
        playing = asyncio.ensure_future(behaviour(exchange))
        leaving = asyncio.create_task(reader.read())
        try:
            await asyncio.wait({playing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if playing.done():
                playing.result()
            else:
                self.left_early += 1
        finally:
            playing.cancel()
            leaving.cancel()
            await asyncio.gather(playing, leaving, return_exceptions=True)


async def _read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(head[0].split(" ")[1], headers, json.loads(body or b"{}"))
