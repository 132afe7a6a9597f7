"""An answer may be rated where it is one, however it was posted."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from bot.chat import PostKey, Reply
from bot.turns.delivery import Delivery
from bot.turns.growing import Growing
from tests.bot.turns.team import wall_clock


class _Place:
    """Keeps the last that a stream says."""

    def __init__(self) -> None:
        self.said: list[Reply] = []

    def split(self, text: str) -> tuple[str, ...]:
        return (text,)

    async def stream(
        self, replies: AsyncIterator[Reply], _key: PostKey, opened: Callable[[str], Awaitable[None]]
    ) -> str:
        await opened("p1")
        self.said = [reply async for reply in replies]
        return "p1"


class _Log:
    """Forgets everything."""

    posts: dict[int, Any] = {0: SimpleNamespace(state="sending")}  # noqa: RUF012 (never changed)

    def check(self) -> None:
        return

    async def begin(self, _part: int) -> PostKey:
        return PostKey("k")

    async def accepted(self, _part: int, _post_id: str) -> None:
        return


@pytest.mark.parametrize("rateable", [False, True])
async def test_a_stream_ends_rateable_if_its_answer_is(rateable: bool) -> None:
    async def recorded() -> bool:
        return rateable

    place, growing = _Place(), Growing()
    growing.add("Here.")
    growing.end()
    await Delivery(place, _Log(), timedelta(), wall_clock).stream(growing, recorded)  # type: ignore[arg-type]

    assert [reply.rateable for reply in place.said] == [rateable]
