"""The model for where none is configured: says so, and answers with what was said before, found by the search tool.

It goes through the same port and the same tools as any model, so it can show nobody more than they may see.
"""

import html
import json
from collections.abc import AsyncGenerator
from typing import Any

from bot.models.port import Finished, ModelEvent, ModelRequest, TextDelta, ToolCall, Usage

_INTRODUCTION = "No model is configured, so I cannot think; I can only look up what was said before."
_NOTHING = "I found nothing that bears on this. `help` shows what I can do without one."


class OfflineModel:
    """Answers from stored words, with date and conversation."""

    @property
    def name(self) -> str:
        return "offline"

    @property
    def offline(self) -> bool:
        return True

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        last = request.messages[-1]
        search = next((tool for tool in request.tools if tool.name == "search_messages"), None)
        if last.role != "tool" and search is not None:
            call = ToolCall("offline-search", search.name, json.dumps({"people_only": True}))
            yield Finished("tool_calls", (call,), Usage())
            return
        yield TextDelta(_INTRODUCTION + " ")
        yield TextDelta(_answer(last.content) if last.role == "tool" else _NOTHING)
        yield Finished("stop", usage=Usage())

    async def close(self) -> None:
        return


def _answer(result: str) -> str:
    """What a result of the search tool says, as sentences."""
    found = _found(result)
    if not found:
        return _NOTHING
    return "This seems to bear on it:\n" + "\n".join(map(_quoted, found))


def _quoted(hit: dict[str, Any]) -> str:
    """One hit on one line: no title and no text can look like another hit."""
    return f"- {hit['date']}, {_named(_line(hit['conversation']))}, {_line(hit['speaker'])}: {_short(hit['text'])}"


def _found(result: str) -> list[dict[str, Any]]:
    # Take the fence off: what stands between its tags is JSON, escaped.
    inside = html.unescape(result.partition(">")[2].rpartition("<")[0])
    try:
        return list(json.loads(inside).get("found", []))
    except ValueError:
        return []


def _named(conversation: str) -> str:
    return conversation if conversation in {"", "this conversation"} else f"“{conversation}”"


def _line(text: str) -> str:
    return " ".join(text.split())


def _short(text: str) -> str:
    line = _line(text)
    return line if len(line) <= 200 else line[:200].rsplit(" ", 1)[0] + "…"  # noqa: PLR2004 (about two lines)
