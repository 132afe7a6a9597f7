"""The tools of a turn. They act with the rights of the asker, narrowed to what the place's readers may hear."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.limits import QUERY_CHARACTERS, TOOL_ARGUMENT_CHARACTERS, TOOL_TIME
from bot.memory.values import Message, Thread
from bot.memory.view import MemoryView
from bot.models.port import ToolCall, ToolSpec

_log = structlog.get_logger(__name__)

#: One more than is needed: the question, which is looked for in vain, is mostly among them.
_HITS = 6
_QUOTED = 500
#: Whose words these are where they are nobody's.
_NOBODY = {"assistant": "you, answering", "tool": "a tool"}


@dataclass(frozen=True, slots=True)
class Tool:
    """What a model may ask for: how it is described to it, how its arguments are read, what it does."""

    spec: ToolSpec
    arguments: type[BaseModel]
    run: Callable[[Any], Awaitable[Mapping[str, Any]]]


class SearchArguments(BaseModel):
    """What `search_messages` takes."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(
        default="", max_length=QUERY_CHARACTERS, description="Words to look for; without them, those of the question."
    )
    people_only: bool = Field(default=False, description="Leave out your own earlier answers.")


@cache
def _schema(arguments: type[BaseModel]) -> Mapping[str, Any]:
    """Working it out takes a third of a turn's own time."""
    return arguments.model_json_schema()


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a turn's tools may look: the asker's view, the conversation, and whether all of hers or only this one."""

    view: MemoryView
    thread: Thread
    question: str
    #: Messages that are no hits: the question itself, and what is not yet to be answered.
    left_out: frozenset[str]
    everywhere: bool
    #: Display names by resource id.
    names: Mapping[str, str]
    #: Takes note of what the model was shown.
    shown: dict[str, None]


def one_to_one(thread: Thread, resource_id: str) -> bool:
    """Whether what is said here reaches this person alone: then all that she may read may be spoken of."""
    return thread.place_kind == "direct" and thread.participants == (resource_id,)


def search_tool(reach: Reach) -> Tool:
    """Search what was said: to the asker alone, by and to her anywhere; in company, in this conversation."""
    where = "all conversations of the asker" if reach.everywhere else "this conversation"

    async def run(arguments: SearchArguments) -> Mapping[str, Any]:
        hits = await _hits(reach, arguments)
        reach.shown.update(dict.fromkeys(hit.id for hit in hits))
        titles = {thread_id: await _title(reach, thread_id) for thread_id in {hit.thread_id for hit in hits}}
        return {"found": [_shown(reach, hit, titles[hit.thread_id]) for hit in hits]}

    spec = ToolSpec(
        "search_messages",
        f"Search what was said in {where}; gives the best hits with date, conversation and speaker.",
        _schema(SearchArguments),
    )
    return Tool(spec, SearchArguments, run)


async def _hits(reach: Reach, arguments: SearchArguments) -> list[Message]:
    query = arguments.query.strip() or reach.question[:QUERY_CHARACTERS]
    roles: tuple[Any, ...] = ("user",) if arguments.people_only else ()
    if not query.strip():
        return []
    if reach.everywhere:
        # Her own words and the answers to her: what others said where she was then may not be hers to read any more.
        page = await reach.view.search_messages(query, reach.view.actor.id, per_page=_HITS, roles=roles)
    else:
        page = await reach.view.recall(reach.thread.id, search=query, per_page=_HITS, roles=roles)
    return [hit for hit in page.items if hit.id not in reach.left_out]


async def _title(reach: Reach, thread_id: str) -> str:
    if thread_id == reach.thread.id:
        return "this conversation"
    thread = await reach.view.get_thread_by_id(thread_id)
    if thread is None:
        return ""
    # A title is made of its owner's first question.
    own = thread.title if thread.resource_id == reach.view.actor.id else ""
    return own or thread.place_name


def _shown(reach: Reach, hit: Message, conversation: str) -> dict[str, str]:
    quoted = hit.text if len(hit.text) <= _QUOTED else hit.text[:_QUOTED] + "…"
    person = reach.names.get(hit.resource_id, hit.resource_id)
    return {
        "date": hit.created_at.strftime("%Y-%m-%d %H:%M UTC"),
        "conversation": conversation,
        "speaker": _NOBODY.get(hit.role, person),
        "text": quoted,
    }


async def run_tool(tools: Mapping[str, Tool], call: ToolCall) -> str:
    """Run what a model asked for and say how it went, as JSON. Nothing in its untrusted arguments can raise."""
    tool = tools.get(call.name)
    if tool is None:
        return _failed(f"There is no such tool. There are: {', '.join(sorted(tools)) or 'none'}.")
    if len(call.arguments) > TOOL_ARGUMENT_CHARACTERS:
        return _failed("The arguments are too long.")
    try:
        arguments = tool.arguments.model_validate_json(call.arguments or "{}")
    except ValidationError as error:
        problems = "; ".join(problem["msg"] for problem in error.errors(include_input=False, include_url=False)[:3])
        return _failed(f"The arguments do not fit the schema: {problems}")
    try:
        async with asyncio.timeout(TOOL_TIME.total_seconds()):
            return json.dumps(dict(await tool.run(arguments)), ensure_ascii=False)
    except Exception as error:  # noqa: BLE001 (whatever a tool raises, the turn goes on without it)
        _log.warning("a tool failed", tool=call.name, error=type(error).__name__)
        return _failed("The tool failed; go on without it.")


def _failed(reason: str) -> str:
    return json.dumps({"error": reason})
