"""Every way in which a model server fails, through the real client."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from bot.errors import (
    ModelAnswerUnusable,
    ModelError,
    ModelFailed,
    ModelOverloaded,
    ModelRefused,
    ModelTimeout,
)
from bot.models import failures
from bot.models.assembly import CUT, EMPTY, USED_UP
from tests.bot.models.asking import ask, ask_in_vain, assert_honest, end_of, text_of
from tests.model_server import (
    ANSWER,
    HALF_JSON,
    HALF_UTF8,
    NO_CHOICES,
    Behaviour,
    Exchange,
    ModelServer,
    Refusing,
    Silence,
    Status,
    Stream,
    frame,
    text,
    tool_calls,
)


@pytest.mark.parametrize(
    ("status", "kind", "requests"),
    [
        (400, ModelRefused, 1),
        (401, ModelRefused, 1),
        (403, ModelRefused, 1),
        (404, ModelRefused, 1),
        (408, ModelTimeout, 3),
        (409, ModelFailed, 3),
        (413, ModelRefused, 1),
        (422, ModelRefused, 1),
        (429, ModelOverloaded, 3),
        (500, ModelFailed, 3),
        (502, ModelFailed, 3),
        (503, ModelFailed, 3),
        (529, ModelFailed, 3),
    ],
)
async def test_each_status_has_its_error_and_only_what_may_pass_is_tried_again(
    server: ModelServer, status: int, kind: type[ModelError], requests: int
) -> None:
    server.default = Status(status)
    error, shown = await ask_in_vain(server.base_url)
    assert (type(error), shown, len(server.requests)) == (kind, "", requests)
    assert error.__cause__ is not None
    assert_honest(error, server.base_url)


@pytest.mark.parametrize(
    ("refusal", "sentence"),
    [
        (Status(404, "model_not_found"), failures.UNKNOWN_NAME),
        (Status(400, "context_length_exceeded"), failures.TOO_LONG),
        (Status(400, message="This model's maximum context length is 8192 tokens."), failures.TOO_LONG),
        (Status(413), failures.TOO_LONG),
        (Status(400), failures.NOT_ACCEPTED),
        (Status(401), ModelRefused.__doc__),
    ],
)
async def test_a_refusal_says_what_a_person_can_do(server: ModelServer, refusal: Status, sentence: str) -> None:
    server.script(refusal)
    error, _ = await ask_in_vain(server.base_url)
    assert (type(error), str(error)) == (ModelRefused, sentence)


@pytest.mark.parametrize("passing", [Status(429), Status(503), Stream((), ending="reset"), Stream((), ending="cut")])
async def test_what_passes_before_the_first_word_is_never_seen(server: ModelServer, passing: Behaviour) -> None:
    server.script(passing, passing)
    events = await ask(server.base_url)
    assert (text_of(events), len(server.requests)) == (ANSWER, 3)


@pytest.mark.parametrize(
    "refusal", [Status(429, "insufficient_quota"), Status(500, headers={"x-should-retry": "false"})]
)
async def test_what_does_not_pass_is_not_tried_again(server: ModelServer, refusal: Behaviour) -> None:
    server.script(refusal)
    await ask_in_vain(server.base_url)
    assert len(server.requests) == 1


@pytest.mark.parametrize("header", [{"Retry-After": "0.3"}, {"retry-after-ms": "300"}])
async def test_the_pause_that_the_server_asks_for_is_kept(server: ModelServer, header: dict[str, str]) -> None:
    server.script(Status(429, headers=header))
    began = time.monotonic()
    events = await ask(server.base_url)
    assert (text_of(events), len(server.requests)) == (ANSWER, 2)
    assert 0.3 <= time.monotonic() - began < 1


async def test_a_pause_may_be_a_date(server: ModelServer) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=1.5), usegmt=True)  # which has whole seconds only
    server.script(Status(503, headers={"Retry-After": date}))
    began = time.monotonic()
    events = await ask(server.base_url, retry_time=timedelta(seconds=30))
    assert (text_of(events), len(server.requests)) == (ANSWER, 2)
    assert 0.3 <= time.monotonic() - began < 2


@pytest.mark.parametrize("header", ["60", "-1", "soon", "inf", "nan", "Sun, 99 Feb 99999 99:99:99 GMT", ""])
async def test_no_pause_lasts_longer_than_there_is_time(server: ModelServer, header: str) -> None:
    server.default = Status(429, headers={"Retry-After": header})
    began = time.monotonic()
    error, _ = await ask_in_vain(server.base_url)
    assert type(error) is ModelOverloaded
    assert time.monotonic() - began < 0.7


async def test_a_server_that_says_nothing_is_given_up(server: ModelServer) -> None:
    server.script(Silence())
    began = time.monotonic()
    error, _ = await ask_in_vain(server.base_url, retry_time=timedelta(milliseconds=200))
    assert (type(error), len(server.requests)) == (ModelTimeout, 1)
    assert time.monotonic() - began < 1
    assert_honest(error, server.base_url)
    await server.quiet()
    assert server.left_early == 1


async def test_a_head_with_nothing_but_keep_alives_is_given_up(server: ModelServer) -> None:
    server.script(Stream((), ending="keep_alive", pause=0.01))
    error, _ = await ask_in_vain(server.base_url, retry_time=timedelta(milliseconds=200))
    assert type(error) is ModelTimeout
    await server.quiet()
    assert server.left_early == 1


async def test_a_first_chunk_that_is_none_closes_the_connection(server: ModelServer) -> None:
    server.script(Stream(({"choices": "none"},), ending="repeat", pause=0.01))
    error, _ = await ask_in_vain(server.base_url)
    assert type(error) is ModelAnswerUnusable
    await server.quiet()
    assert server.left_early >= 1


async def test_an_overloaded_server_that_then_says_nothing_was_overloaded(server: ModelServer) -> None:
    server.script(Status(429), Silence())
    error, _ = await ask_in_vain(server.base_url, retry_time=timedelta(milliseconds=200))
    assert (type(error), len(server.requests)) == (ModelOverloaded, 2)


@pytest.mark.parametrize(
    ("frames", "ending", "kind"),
    [
        ((), "reset", ModelFailed),
        ((), "cut", ModelFailed),
        ((), "silence", ModelTimeout),
        ((), "keep_alive", ModelTimeout),
        ((), "done", ModelFailed),
        ((), "no_done", ModelFailed),
        ((HALF_UTF8,), "done", ModelAnswerUnusable),
        ((HALF_JSON,), "done", ModelAnswerUnusable),
        ((b"data: [1]\n\n",), "done", ModelAnswerUnusable),
        ((b"data: null\n\n",), "done", ModelAnswerUnusable),
        (({"choices": "none"},), "done", ModelAnswerUnusable),
        (({"error": {"message": "SECRET-OF-THE-PROVIDER", "code": 502}},), "silence", ModelFailed),
        (({"error": {"message": "x", "code": "context_length_exceeded"}},), "done", ModelRefused),
    ],
)
async def test_nothing_is_sent_again_once_a_word_is_visible(
    server: ModelServer, frames: tuple[bytes, ...], ending: str, kind: type[ModelError]
) -> None:
    server.script(Stream((frame(content="Green "), *frames), ending=ending, pause=0.01))  # type: ignore[arg-type]
    began = time.monotonic()
    error, shown = await ask_in_vain(server.base_url)
    assert (type(error), shown, len(server.requests)) == (kind, "Green ", 1)
    assert time.monotonic() - began < 1
    assert_honest(error, server.base_url)


@pytest.mark.parametrize("ending", ["reset", "cut", "silence", "keep_alive", "no_done"])
async def test_a_whole_answer_survives_what_happens_after_it(server: ModelServer, ending: str) -> None:
    server.script(text(ending=ending, pause=0.01))
    events = await ask(server.base_url)
    assert (text_of(events), end_of(events).reason) == (ANSWER, "stop")


@pytest.mark.parametrize(
    ("behaviour", "kind", "sentence"),
    [
        (text(""), ModelAnswerUnusable, EMPTY),
        (text(" \n"), ModelAnswerUnusable, EMPTY),
        (text("", finish="length"), ModelAnswerUnusable, USED_UP),
        (Stream((frame("tool_calls"),)), ModelAnswerUnusable, EMPTY),
        (Stream((NO_CHOICES, NO_CHOICES)), ModelFailed, CUT),
        (Stream(()), ModelFailed, CUT),
        (text(finish=None), ModelFailed, CUT),
        (tool_calls(("", "{}")), ModelAnswerUnusable, ModelAnswerUnusable.__doc__),
    ],
)
async def test_an_answer_without_content_is_no_answer(
    server: ModelServer, behaviour: Behaviour, kind: type[ModelError], sentence: str
) -> None:
    server.script(behaviour)
    error, _ = await ask_in_vain(server.base_url)
    assert (type(error), str(error), len(server.requests)) == (kind, sentence, 1)


async def test_a_server_that_ignores_streaming_is_told_apart_from_an_answer(server: ModelServer) -> None:
    async def whole(exchange: Exchange) -> None:
        await exchange.send_json(200, {"choices": [{"message": {"role": "assistant", "content": ANSWER}}]})

    server.script(whole)
    error, _ = await ask_in_vain(server.base_url)
    assert type(error) is ModelFailed


@pytest.mark.parametrize("field", ["stream_options", "max_completion_tokens"])
async def test_a_server_that_knows_a_field_not_refuses_and_a_setting_helps(server: ModelServer, field: str) -> None:
    server.default = Refusing(field)
    error, _ = await ask_in_vain(server.base_url)
    assert str(error) == failures.NOT_ACCEPTED
    events = await ask(server.base_url, stream_usage=False, token_limit_field="max_tokens")
    assert text_of(events) == ANSWER


async def flood_of_one_line(exchange: Exchange) -> None:
    await exchange.begin_stream()
    while True:
        await exchange.send_frame(b"x" * 65_536)


async def flood_of_an_error(exchange: Exchange) -> None:
    await exchange.begin(500, {"Content-Length": str(10**12)})
    while True:
        await exchange.send(b"x" * 65_536)


@pytest.mark.parametrize("flood", [flood_of_one_line, flood_of_an_error])
async def test_a_flood_without_an_end_is_not_kept_in_memory(server: ModelServer, flood: Behaviour) -> None:
    server.script(flood)
    error, _ = await ask_in_vain(server.base_url, retry_time=timedelta(seconds=30))
    assert type(error) is ModelAnswerUnusable
    await server.quiet()
    assert server.left_early == 1
