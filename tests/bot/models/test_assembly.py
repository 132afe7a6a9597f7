"""Putting answers together, without a server."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ModelAnswerUnusable, ModelFailed
from bot.limits import ANSWER_CHARACTERS, TOOL_ARGUMENT_CHARACTERS
from bot.models.assembly import Assembly, is_object, prompt_characters, read_chunk
from bot.models.port import Finished, ModelRequest, PromptMessage, ToolCall, ToolSpec, Usage
from bot.models.vectors import alike, read_vectors
from tests.model_server import frame


def assembled(*chunks: Any, prompt: int = 0) -> tuple[str, Finished]:
    assembly = Assembly(prompt)
    text = "".join(assembly.add(read_chunk(chunk)) for chunk in chunks)
    return text, assembly.finished()


def piece(arguments: Any = None, **fields: Any) -> Any:
    name = fields.pop("name", None)
    return frame(tool_calls=[{**fields, "function": {"name": name, "arguments": arguments}}])


def calls_of(*pieces: Any) -> list[tuple[str, str, str]]:
    _, end = assembled(*pieces, frame("tool_calls"))
    return [(call.id, call.name, call.arguments) for call in end.tool_calls]


@given(st.lists(st.text(max_size=20), min_size=1), st.sampled_from(["stop", "eos", "end_turn", "length"]))
def test_pieces_of_text_are_joined_as_they_come(pieces: list[str], finish: str) -> None:
    whole = "".join(pieces)
    text, end = assembled(frame(content="Tea: "), *(frame(content=piece) for piece in pieces), frame(finish))
    assert text == "Tea: " + whole
    assert end.reason == ("length" if finish == "length" else "stop")
    assert end.usage == Usage(0, -(-len(text) // 4), estimated=True)


@given(st.lists(st.tuples(st.integers(0, 3), st.text("abc", min_size=1, max_size=5)), max_size=20))
def test_fragments_find_their_call_by_index_in_any_order(fragments: list[tuple[int, str]]) -> None:
    heads = [piece(index=index, id=f"id-{index}", name=f"tool-{index}") for index in range(4)]
    calls = calls_of(*heads, *(piece(fragment, index=index) for index, fragment in fragments))
    expected = ["".join(fragment for index, fragment in fragments if index == wanted) for wanted in range(4)]
    assert calls == [(f"id-{index}", f"tool-{index}", expected[index] or "{}") for index in range(4)]


@pytest.mark.parametrize("index", [0, None])
def test_calls_that_all_have_the_same_index_or_none_are_told_apart(index: int | None) -> None:
    by_id = calls_of(piece("{}", index=index, id="a", name="x"), piece("{}", index=index, id="b", name="y"))
    assert by_id == [("a", "x", "{}"), ("b", "y", "{}")]
    by_content = calls_of(piece('{"n": 1}', index=index, name="x"), piece('{"n": 2}', index=index, name="x"))
    assert by_content == [("call_0", "x", '{"n": 1}'), ("call_1", "x", '{"n": 2}')]


def test_a_fragment_without_index_continues_the_latest_call() -> None:
    assert calls_of(piece('{"n"', id="a", name="x"), piece(": 1}")) == [("a", "x", '{"n": 1}')]


def test_a_name_or_id_that_is_repeated_begins_no_other_call() -> None:
    head, tail = piece('{"n"', index=0, id="a", name="x"), piece(": 1}", index=0, id="a", name="x")
    assert calls_of(head, tail, piece("", index=0, id="a", name="x")) == [("a", "x", '{"n": 1}')]


def test_every_call_has_an_id_of_its_own() -> None:
    calls = [piece("{}", index=index, id=id_, name="x") for index, id_ in enumerate(["call_1", None, "call_1", ""])]
    assert [id_ for id_, _, _ in calls_of(*calls)] == ["call_1", "call_2", "call_3", "call_4"]


def test_arguments_may_be_an_object_or_nothing() -> None:
    assert calls_of(piece({"n": 1}, index=0, id="a", name="x")) == [("a", "x", '{"n": 1}')]
    assert calls_of(piece(None, index=0, id="a", name="x")) == [("a", "x", "{}")]


def test_a_call_of_the_largest_size_is_whole() -> None:
    arguments = json.dumps({"text": "x" * (TOOL_ARGUMENT_CHARACTERS - 20)})
    assert calls_of(*(piece(arguments, index=n, id=str(n), name="x") for n in range(7)))[6] == ("6", "x", arguments)


def test_too_many_empty_calls_are_cut_and_do_not_run() -> None:
    assembly = Assembly(0)
    for number in range(100_000):
        assembly.add(read_chunk(piece("", index=number, id=str(number), name="x")))
        if assembly.full:
            break
    assert number < 2_000
    with pytest.raises(ModelAnswerUnusable):
        assembly.finished()


def test_a_refusal_is_shown_like_an_answer() -> None:
    assert assembled(frame(refusal="I will not."), frame("stop"))[0] == "I will not."


def test_a_withheld_answer_may_be_empty() -> None:
    assert assembled(frame("content_filter"))[1].reason == "content_filter"


def test_text_is_cut_exactly_at_the_limit() -> None:
    text, end = assembled(frame(content="x" * (ANSWER_CHARACTERS - 1)), frame(content="yz"))
    assert (len(text), text[-1], end.reason) == (ANSWER_CHARACTERS, "y", "length")


def test_only_the_first_of_several_answers_is_read() -> None:
    both = {"choices": [{"index": 1, "delta": {"content": "B"}}, {"index": 0, "delta": {"content": "A"}}]}
    assert assembled(both, frame("stop"))[0] == "A"


def test_an_empty_reason_is_none() -> None:
    with pytest.raises(ModelFailed):
        assembled(frame("", content="Tea."))


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": 5}, {"prompt_tokens": None, "completion_tokens": None}])
def test_a_count_with_gaps_is_estimated(usage: Any) -> None:
    _, end = assembled(frame("stop", content="Tea."), {"choices": [], "usage": usage}, prompt=41)
    assert end.usage == Usage(11, 1, estimated=True)


def test_the_latest_count_holds() -> None:
    counts = [{"usage": {"prompt_tokens": 5, "completion_tokens": n}} for n in (1, 2)]
    assert assembled(*counts, frame("stop", content="Tea."))[1].usage == Usage(5, 2)


def test_what_a_request_says_is_counted_whole() -> None:
    call = ToolCall("a", "four", "{}")
    messages = (PromptMessage("user", "12345"), PromptMessage("assistant", "", tool_calls=(call,)))
    assert prompt_characters(ModelRequest(messages, (ToolSpec("four", "three", {}),))) == 5 + 6 + 4 + 5 + 2


@pytest.mark.parametrize("chunk", [None, [], "x", 1, {"choices": 1}, {"choices": [{"delta": {"content": 1}}]}])
def test_what_is_no_chunk_is_an_error(chunk: Any) -> None:
    with pytest.raises(ValueError, match="validation error"):
        read_chunk(chunk)


@pytest.mark.parametrize(
    ("text", "expected"), [("{}", True), ("[]", False), ("", False), ("{", False), ("[" * 100_000, False)]
)
def test_arguments_must_be_an_object(text: str, expected: bool) -> None:
    assert is_object(text) is expected


@pytest.mark.parametrize(
    "vectors",
    [
        {"data": []},
        {"data": [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}]},
        {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}]},
        {"data": [{"index": 0, "embedding": []}, {"index": 1, "embedding": []}]},
        {"data": [{"index": 0, "embedding": [float("nan")]}, {"index": 1, "embedding": [1.0]}]},
        {"data": [{"index": 0, "embedding": "AAAA"}, {"index": 1, "embedding": "AAAA"}]},
        {"data": [{"index": 0, "embedding": "not base64"}, {"index": 1, "embedding": "AAAAAA=="}]},
        {"data": None},
        None,
    ],
)
def test_what_is_not_one_vector_for_each_text_is_an_error(vectors: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (each says something else)
        read_vectors(vectors, 2)


def test_vectors_without_an_index_are_in_order() -> None:
    assert read_vectors({"data": [{"embedding": [1.0]}, {"embedding": "AAAAQA=="}]}, 2) == [(1.0,), (2.0,)]


def test_no_vectors_are_alike() -> None:
    assert alike([]) == []
