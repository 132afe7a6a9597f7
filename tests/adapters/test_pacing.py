"""Pacing: the first and the last are shown, what fails inside fails outside, and nothing is left behind."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from adapters.pacing import paced

AGES = 3_600.0


async def every(*texts: str) -> AsyncGenerator[str, None]:
    for text in texts:
        yield text


@pytest.mark.parametrize("texts", [(), ("a",), ("a", "ab"), ("a", "ab", "abc", "abcd")])
async def test_the_first_and_the_last_are_shown_however_slow_the_pace_is(texts: tuple[str, ...]) -> None:
    async with asyncio.timeout(10):
        shown = [text async for text in paced(every(*texts), AGES)]

    assert shown == list(dict.fromkeys((*texts[:1], *texts[-1:])))


async def test_what_comes_too_fast_is_passed_over_and_the_newest_is_shown() -> None:
    taken, go_on = asyncio.Event(), asyncio.Event()

    async def growing() -> AsyncGenerator[str, None]:
        yield "a"
        yield "ab"
        yield "abc"
        taken.set()
        await go_on.wait()
        yield "abcd"

    async with asyncio.timeout(10), aclosing(paced(growing(), 0)) as shown:
        assert await anext(shown) == "a"
        await taken.wait()
        assert await anext(shown) == "abc"
        go_on.set()
        assert [text async for text in shown] == ["abcd"]


async def test_between_the_first_and_the_last_the_pace_is_kept() -> None:
    go_on = asyncio.Event()

    async def growing() -> AsyncGenerator[str, None]:
        yield "a"
        yield "ab"
        await go_on.wait()
        yield "abc"

    async with asyncio.timeout(10), aclosing(paced(growing(), AGES)) as shown:
        assert await anext(shown) == "a"
        second = asyncio.ensure_future(anext(shown))
        done, _ = await asyncio.wait([second], timeout=0.05)
        assert not done
        go_on.set()
        assert await second == "abc"


async def test_what_fails_inside_fails_outside_at_once() -> None:
    async def failing() -> AsyncGenerator[str, None]:
        yield "a"
        raise RuntimeError("inside")

    async with asyncio.timeout(10), aclosing(paced(failing(), AGES)) as shown:
        assert await anext(shown) == "a"
        with pytest.raises(RuntimeError, match="inside"):
            await anext(shown)


async def test_closing_it_closes_what_it_reads() -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncGenerator[str, None]:
        try:
            yield "a"
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with asyncio.timeout(10):
        async with aclosing(paced(endless(), AGES)) as shown:
            assert await anext(shown) == "a"
        assert closed.is_set()


async def test_closing_it_right_away_closes_a_source_that_was_stopped_between_two_texts() -> None:
    closed = asyncio.Event()

    async def stopped() -> AsyncGenerator[str, None]:
        try:
            yield "a"
        finally:
            closed.set()

    source = stopped()
    async with asyncio.timeout(10):
        async with aclosing(paced(source, AGES)) as shown:
            assert await anext(shown) == "a"
        assert closed.is_set()


async def test_whoever_waits_for_a_text_can_be_cancelled() -> None:
    async def silent() -> AsyncGenerator[str, None]:
        await asyncio.Event().wait()
        yield ""

    waiting = asyncio.ensure_future(anext(paced(silent(), AGES)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(10):
            await waiting
