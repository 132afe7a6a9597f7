"""What a strict OpenAI-compatible server would refuse of a request, as sentences; none where it would take it."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

CHAT_FIELDS = {"model", "messages", "stream", "stream_options", "tools", "max_tokens", "max_completion_tokens"}
EMBEDDING_FIELDS = {"model", "input", "encoding_format"}
ROLES = {"system", "developer", "user", "assistant", "tool"}
LIMIT_FIELDS = {"max_tokens", "max_completion_tokens"}


def violations_of(path: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> Iterator[str]:
    if not re.fullmatch(r"Bearer \S+", headers.get("authorization", "")):
        yield "there is no key"
    if not isinstance(body.get("model"), str) or not body["model"]:
        yield "there is no model"
    if path.endswith("/chat/completions"):
        yield from _of_chat(body)
    elif path.endswith("/embeddings"):
        yield from _of_embeddings(body)
    else:
        yield f"unknown path {path}"


def _of_chat(body: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"unknown field {name}" for name in sorted(body.keys() - CHAT_FIELDS))
    if body.get("stream") is not True:
        yield "it is not streamed"
    if len(LIMIT_FIELDS & body.keys()) != 1:
        yield "there must be one token limit"
    if body.get("stream_options", {"include_usage": True}) != {"include_usage": True}:
        yield "stream_options hold something else than include_usage"
    yield from _of_tools(body.get("tools"))
    yield from _of_messages(body.get("messages"))


def _of_tools(tools: Any) -> Iterator[str]:
    if tools == []:
        yield "tools are sent, but empty"
    for tool in tools or ():
        function = tool.get("function", {})
        if tool.get("type") != "function" or tool.keys() != {"type", "function"}:
            yield f"a tool is no function: {tool}"
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", function.get("name", "")):
            yield f"a tool has no valid name: {function}"
        if function.get("parameters", {}).get("type") != "object":
            yield f"a tool's parameters are no object: {function}"


def _of_messages(messages: Any) -> Iterator[str]:
    if not isinstance(messages, list) or not messages:
        yield "there are no messages"
        return
    open_calls: set[str] = set()
    for message in messages:
        role = message.get("role")
        if role not in ROLES:
            yield f"unknown role {role}"
        if role == "tool":
            if message.get("tool_call_id") not in open_calls:
                yield f"a tool's message answers no open call: {message.get('tool_call_id')}"
            open_calls.discard(message.get("tool_call_id"))
        elif open_calls:
            yield f"calls are not answered before the next message: {sorted(open_calls)}"
            open_calls = set()
        calls = message.get("tool_calls", [])
        open_calls |= {call.get("id") for call in calls}
        yield from _of_message(message, calls)
    if open_calls:
        yield f"calls are not answered: {sorted(open_calls)}"


def _of_message(message: Mapping[str, Any], calls: Any) -> Iterator[str]:
    allowed = {"assistant": {"tool_calls"}, "tool": {"tool_call_id"}}.get(message.get("role", ""), set())
    yield from (f"unknown field {name} in a message" for name in sorted(message.keys() - {"role", "content"} - allowed))
    if "tool_calls" in message and not calls:
        yield "tool_calls are sent, but empty"
    if not isinstance(message.get("content"), str) and not calls:
        yield f"a message has no text: {message}"
    if len({call.get("id") for call in calls}) != len(calls):
        yield "two calls have the same id"
    for call in calls:
        if call.get("type") != "function" or not isinstance(call.get("id"), str):
            yield f"a call is malformed: {call}"
        if not _is_object(call.get("function", {}).get("arguments")):
            yield f"a call's arguments are no JSON object: {call}"


def _of_embeddings(body: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"unknown field {name}" for name in sorted(body.keys() - EMBEDDING_FIELDS))
    texts = body.get("input")
    if not isinstance(texts, list) or not 1 <= len(texts) <= 2048 or not all(isinstance(text, str) for text in texts):
        yield "input must be 1 to 2048 texts"


def _is_object(text: Any) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (TypeError, ValueError):
        return False
