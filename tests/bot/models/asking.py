"""Asking the real client for an answer, with every wait shortened."""

from collections.abc import Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest

from bot.errors import ModelError
from bot.models.openai_compatible import OpenAICompatibleModel
from bot.models.port import Finished, ModelEvent, ModelRequest, PromptMessage, TextDelta, ToolSpec

KEY = "sk-canary-9f2c"
QUESTION = ModelRequest((PromptMessage("system", "Be brief."), PromptMessage("user", "What is green tea?")))
SEARCH = ToolSpec("search", "Looks into the memory.", {"type": "object", "properties": {"query": {"type": "string"}}})
SHORT = {
    "idle_time": timedelta(milliseconds=150),
    "retry_time": timedelta(milliseconds=700),
    "connect_time": timedelta(milliseconds=300),
    "retry_pauses": (timedelta(milliseconds=10), timedelta(milliseconds=20)),
}


def model_at(base_url: str, **options: Any) -> OpenAICompatibleModel:
    return OpenAICompatibleModel("some-model", base_url=base_url, **{"api_key": KEY, **SHORT, **options})


async def ask(base_url: str, request: ModelRequest = QUESTION, **options: Any) -> list[ModelEvent]:
    """Every event of an answer."""
    events: list[ModelEvent] = []
    await _collect(events, base_url, request, options)
    return events


async def ask_in_vain(base_url: str, **options: Any) -> tuple[ModelError, str]:
    """The error that an answer ends in, and the text that came before it."""
    events: list[ModelEvent] = []
    with pytest.raises(ModelError) as caught:
        await _collect(events, base_url, QUESTION, options)
    return caught.value, text_of(events)


def assert_honest(error: ModelError, base_url: str) -> None:
    """The sentence may be shown to anybody."""
    sentence = str(error)
    assert sentence.endswith(".")
    for secret in (KEY, base_url, "127.0.0.1", "http", "SECRET-OF-THE-PROVIDER", "some-model", "Error"):
        assert secret not in sentence


def text_of(events: Sequence[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def end_of(events: Sequence[ModelEvent]) -> Finished:
    """The last event, which alone says that the answer is finished."""
    *before, last = events
    assert isinstance(last, Finished)
    assert all(isinstance(event, TextDelta) and event.text for event in before)
    return last


async def _collect(events: list[ModelEvent], base_url: str, request: ModelRequest, options: dict[str, Any]) -> None:
    model = model_at(base_url, **options)
    try:
        async with aclosing(model.stream(request)) as stream:
            async for event in stream:
                events.append(event)  # noqa: PERF401 (what came before an error is looked at too)
    finally:
        await model.close()
