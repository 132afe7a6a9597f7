"""The model port: what the agent asks of any model, and what any model answers."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One wish of the model to run a tool. `arguments` is JSON as the model wrote it: untrusted, perhaps malformed."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """One message of a prompt. `tool_calls` stands on an assistant's, `tool_call_id` on a tool's."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What a model is told of a tool. `parameters` is a JSON schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One call of a model. `max_tokens` bounds the answer; None leaves it to the model's settings."""

    messages: tuple[PromptMessage, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call; `estimated` where the server sent no count."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.estimated or other.estimated,
        )


#: Why an answer ended: whole, wants tools, cut at the token limit, withheld by the provider's filter.
FinishReason = Literal["stop", "tool_calls", "length", "content_filter"]


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer's text, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of one call, always the last event: what it wants done, why it ended, what it cost."""

    reason: FinishReason
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = field(default_factory=Usage)


ModelEvent = TextDelta | Finished


class Model(Protocol):
    """Something that answers. An implementation holds no state of a conversation."""

    @property
    def name(self) -> str:
        """The model's name as its provider knows it; `offline` where none is configured."""
        ...

    @property
    def offline(self) -> bool:
        """Whether this is the model that answers from stored words alone."""
        ...

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Answer `request` as it comes: any number of `TextDelta`, then one `Finished`.

        Closing it early closes the connection; use `contextlib.aclosing`. The caller bounds the whole call; the silence
        between events is bounded here.

        Raises:
            ModelError: one of the tree in `bot.errors`, with a sentence that a person may read. Nothing is retried once
                a `TextDelta` was yielded.
        """
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...
