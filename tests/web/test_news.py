"""The stream of news: what a page is sent, and when its stream ends."""

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

from adapters.local.playground.news import News, Sight, changes
from adapters.local.playground.seed import WORKSPACE
from adapters.local.playground.session import SESSION_LIFE
from bot.errors import StorageUnavailable
from tests.bot.turns.team import wall_clock
from tests.web.asking import Browser
from tests.web.stage import Stage


def test_only_what_changed_is_sent() -> None:
    first = Sight({"head": "<h1>"}, {"posts": {"a": "1", "b": "2"}})
    assert changes(None, first) == {
        "regions": {"head": "<h1>"},
        "lists": {"posts": {"order": ["a", "b"], "pieces": {"a": "1", "b": "2"}}},
    }
    later = Sight({"head": "<h1>"}, {"posts": {"b": "2!", "c": "3"}})
    assert changes(first, later) == {
        "regions": {},
        "lists": {"posts": {"order": ["b", "c"], "pieces": {"b": "2!", "c": "3"}}},
    }
    assert changes(later, later) == {"regions": {}, "lists": {}}
    turned = Sight({"head": "<h1>"}, {"posts": {"c": "3", "b": "2!"}})
    assert changes(later, turned)["lists"] == {"posts": {"order": ["c", "b"], "pieces": {}}}


async def test_a_database_that_is_away_is_trouble_and_not_the_end() -> None:
    news, failing = News(), [StorageUnavailable()]

    async def look() -> Sight:
        if failing:
            raise failing.pop()
        return Sight({"head": "back"})

    events = news.stream(look, wall_clock, wall_clock() + SESSION_LIFE)
    assert await anext(events) == b"retry: 700\n\n"
    assert await anext(events) == b"event: trouble\ndata: {}\n\n"
    asyncio.get_running_loop().call_later(0.1, news.tell, "", "")
    assert b'"head": "back"' in await anext(events)
    news.close()
    assert [one async for one in events] == []


class Reading:
    """The live stream of one page."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    async def events(self, path: str) -> AsyncGenerator[tuple[str, Any]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._browser.stage.port)
        try:
            own = f"host: 127.0.0.1:{self._browser.stage.port}\r\ncookie: {self._browser.cookie}\r\n"
            writer.write(f"GET {path} HTTP/1.1\r\n{own}\r\n".encode())
            name = ""
            async with asyncio.timeout(20):
                while line := (await reader.readline()).decode():
                    if line.startswith("event: "):
                        name = line[7:].strip()
                    if line.startswith("data: "):
                        yield name, json.loads(line[6:])
        finally:
            writer.close()


async def test_a_stream_shows_what_is_said_and_ends_for_who_is_shut_out(stage: Stage, browser: Browser) -> None:
    await browser.token("grace")
    events = Reading(browser).events("/as/grace/in/leads/live")
    assert (await anext(events))[1]["lists"] == {"posts-main": {"order": [], "pieces": {}}}
    post = await stage.say("lin", "Between us", "leads")
    async for _name, sight in events:
        if sight["lists"]:
            assert sight["lists"]["posts-main"]["order"] == [f"main-{post}"]
            assert "Between us" in sight["lists"]["posts-main"]["pieces"][f"main-{post}"]
            break
    await stage.local.leave(WORKSPACE, "leads", "grace")
    await stage.say("lin", "Now that she is gone", "leads")
    rest = [event async for event in events]
    assert rest[-1] == ("gone", {})
    assert "Now that she is gone" not in json.dumps(rest)


async def test_a_stream_ends_with_its_session(stage: Stage, browser: Browser) -> None:
    await browser.token()
    events = Reading(browser).events("/as/ada/in/@ada/live")
    await anext(events)
    stage.ahead[0] = SESSION_LIFE + timedelta(seconds=1)
    stage.news.tell(WORKSPACE, "@ada")
    assert [event async for event in events] == []
