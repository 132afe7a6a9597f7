"""Putting an answer together from what a model server sends. Pure: no network, and nothing of openai.

Servers that call themselves compatible disagree on what is always there, so everything is read through the shapes here,
in which nothing has to be there.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from pydantic import BaseModel

from bot.errors import ModelAnswerUnusable, ModelFailed
from bot.limits import ANSWER_CHARACTERS, TOOL_ARGUMENT_CHARACTERS, TOOL_CALLS
from bot.models.port import Finished, FinishReason, ModelRequest, ToolCall, Usage

#: About how many characters one token holds, where the server does not count.
CHARACTERS_PER_TOKEN = 4
#: What all tool calls of one answer may hold together; as many calls as may run, each as large as it may be.
CALL_CHARACTERS = TOOL_CALLS * TOOL_ARGUMENT_CHARACTERS
#: What one call counts beside its arguments, so that endless empty ones come to an end too.
_CALL_COST = 100

CUT = "The model's answer broke off before its end. Please ask again."
EMPTY = "The model sent an empty answer. Please ask again."
USED_UP = "The model used up its length limit before it said anything. Please ask something shorter or simpler."


class _FunctionPiece(BaseModel):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None  # a few servers send the object itself


class _CallPiece(BaseModel):
    index: int | None = None
    id: str | None = None
    function: _FunctionPiece | None = None


class _Delta(BaseModel):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_CallPiece] | None = None


class _Choice(BaseModel):
    index: int | None = None
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Chunk(BaseModel):
    """One event of a streamed answer: what we read of it."""

    choices: list[_Choice] | None = None
    usage: _Usage | None = None


def read_chunk(received: object) -> Chunk:
    """Read openai's object, which it builds without looking whether the server sent that shape.

    Raises:
        ValueError: it is no chunk.
    """
    return Chunk.model_validate(received, from_attributes=True)


@dataclass(slots=True)
class _OpenCall:
    """A tool call whose arguments are still coming."""

    index: int | None
    id: str | None = None
    name: str = ""
    arguments: str = ""

    def is_another(self, piece: _CallPiece, arguments: str) -> bool:
        """Whether `piece` begins another call, although it has our index: some servers count every call as 0."""
        if piece.id and self.id and piece.id != self.id:
            return True
        named = piece.function is not None and bool(piece.function.name)
        return named and bool(arguments.strip()) and is_object(self.arguments)


class Assembly:
    """One answer as it comes. `add` takes each chunk and gives the text to show; `finished` says how it ended."""

    def __init__(self, prompt_characters: int) -> None:
        self._prompt_characters = prompt_characters
        self._text_characters = 0
        self._call_characters = 0
        self._says_something = False
        self._calls: list[_OpenCall] = []
        self._reason: FinishReason | None = None
        self._usage: Usage | None = None

    @property
    def full(self) -> bool:
        """Whether the answer reached what is kept of one; more need not be read."""
        return self._text_characters >= ANSWER_CHARACTERS or self._call_characters >= CALL_CHARACTERS

    @property
    def ended(self) -> bool:
        """Whether the model said that this is its whole answer; only the count of tokens may follow."""
        return self._reason is not None

    def add(self, chunk: Chunk) -> str:
        """Take in one chunk. The text is what it adds to the answer, cut where the answer is full; often empty."""
        if chunk.usage and chunk.usage.prompt_tokens is not None and chunk.usage.completion_tokens is not None:
            self._usage = Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        choice = next((choice for choice in chunk.choices or () if not choice.index), None)
        if choice is None:
            return ""
        if choice.finish_reason:
            self._reason = _reason(choice.finish_reason)
        delta = choice.delta or _Delta()
        for piece in delta.tool_calls or ():
            self._add_call(piece)
        text = (delta.content or delta.refusal or "")[: ANSWER_CHARACTERS - self._text_characters]
        self._text_characters += len(text)
        self._says_something = self._says_something or bool(text.strip())
        return text

    def finished(self) -> Finished:
        """The end of the answer.

        Raises:
            ModelFailed: the stream ended before the answer did.
            ModelAnswerUnusable: the answer is empty, or wants a tool without a name.
        """
        if self._reason is None and not self.full:
            raise ModelFailed(CUT)
        reason: FinishReason = "length" if self.full else self._reason or "length"
        # What was cut or withheld may lack its other half; it must not run.
        calls = _whole_calls(self._calls) if reason in ("stop", "tool_calls") else ()
        if reason in ("stop", "tool_calls"):  # servers mix these two up
            reason = "tool_calls" if calls else "stop"
        if not (self._says_something or calls or reason == "content_filter"):
            raise ModelAnswerUnusable(USED_UP if reason == "length" else EMPTY)
        return Finished(reason, calls, self._usage or self._estimate())

    def _add_call(self, piece: _CallPiece) -> None:
        function = piece.function or _FunctionPiece()
        arguments = _as_text(function.arguments)
        call = self._call_of(piece, arguments)
        call.id = call.id or piece.id
        call.name = call.name or function.name or ""
        call.arguments += arguments
        self._call_characters += len(arguments)

    def _call_of(self, piece: _CallPiece, arguments: str) -> _OpenCall:
        """The call that `piece` continues, else a new one. Without an index it continues the latest."""
        alike = (call for call in reversed(self._calls) if piece.index is None or call.index == piece.index)
        call = next(alike, None)
        if call is None or call.is_another(piece, arguments):
            call = _OpenCall(piece.index)
            self._calls.append(call)
            self._call_characters += _CALL_COST
        return call

    def _estimate(self) -> Usage:
        characters = self._text_characters + sum(len(call.name) + len(call.arguments) for call in self._calls)
        return Usage(_tokens(self._prompt_characters), _tokens(characters), estimated=True)


def prompt_characters(request: ModelRequest) -> int:
    """About how much a request says, for the estimate of its tokens."""
    messages = sum(
        len(message.content) + sum(len(call.name) + len(call.arguments) for call in message.tool_calls)
        for message in request.messages
    )
    tools = sum(
        len(tool.name) + len(tool.description) + len(json.dumps(dict(tool.parameters))) for tool in request.tools
    )
    return messages + tools


def is_object(text: str) -> bool:
    """Whether `text` is a JSON object, as the arguments of a tool call should be."""
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _reason(word: str) -> FinishReason:
    match word:
        case "length" | "content_filter" | "tool_calls":
            return word
        case "function_call":
            return "tool_calls"
        case _:  # "eos", "end_turn" and what else servers call it
            return "stop"


def _as_text(arguments: str | dict[str, Any] | None) -> str:
    return json.dumps(arguments) if isinstance(arguments, dict) else arguments or ""


def _whole_calls(calls: Sequence[_OpenCall]) -> tuple[ToolCall, ...]:
    """The calls, each with an id of its own, which results are told apart by; some servers send none, or the same."""
    taken: set[str] = set()
    whole = []
    for position, call in enumerate(calls):
        if not call.name:
            raise ModelAnswerUnusable
        candidates = chain([call.id], (f"call_{number}" for number in count(position)))
        own = next(candidate for candidate in candidates if candidate and candidate not in taken)
        taken.add(own)
        whole.append(ToolCall(own, call.name, call.arguments or "{}"))
    return tuple(whole)


def _tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)
