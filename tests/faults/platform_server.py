"""A chat platform on the loopback interface: it delivers, takes posts, and is the oracle of what people saw.

It delivers each event until that is acknowledged, one of a place at a time. Told so by `Faults`, it also delivers what
was acknowledged, delivers late, forgets acknowledgements, takes posts without saying so, and does not say what became
of them. It never joins two posts of one key: what is posted twice is seen twice.
"""

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from uuid import uuid4

from tests.faults.answers import parts_of, question
from tests.faults.history import History
from tests.faults.wire import Answer, read_message, written


@dataclass
class Faults:
    """How often the platform misbehaves, as shares of one."""

    duplicate: float = 0.0
    late: float = 0.0
    #: An acknowledgement that gets lost on the way.
    forget: float = 0.0
    #: A post that is taken, and its answer gets lost on the way.
    drop: float = 0.0
    #: The search for a post fails.
    unknown: float = 0.0


#: What a hard day looks like.
HARD = Faults(duplicate=0.10, late=0.05, forget=0.02, drop=0.05, unknown=0.02)


@dataclass
class _Owed:
    """An event on its way."""

    event: Mapping[str, Any]
    place: str
    due: float
    #: Later events of the place wait for this one.
    first: bool = True
    handed_until: float = 0.0


@dataclass
class Post:
    """What the bot said."""

    id: str
    place: str
    key: str
    text: str
    extras: Mapping[str, Any] = field(default_factory=dict)


class Platform:
    """The server.

    Args:
        history: where it writes down what happens.
        faults: how it misbehaves; may be changed at any time.
        seed: of the misbehaviour.
        redeliver_seconds: after so long what was not acknowledged is delivered again.
    """

    def __init__(
        self, history: History, faults: Faults | None = None, *, seed: int = 0, redeliver_seconds: float = 0.7
    ) -> None:
        self.history = history
        self.faults = faults or Faults()
        #: Each post that is there, by id, in order.
        self.posts: dict[str, Post] = {}
        #: The places' status and title.
        self.status: dict[str, str] = {}
        self.titles: dict[str, str] = {}
        #: What was answered to commands: the person ("" is everybody), and what she sees.
        self.responses: list[tuple[str, Mapping[str, Any]]] = []
        self.people: dict[str, dict[str, Any]] = {}
        self.members: dict[str, tuple[str, list[str]]] = {}
        self.homes: dict[str, Mapping[str, Any]] = {}
        self.files: dict[str, str] = {}
        #: What a person or a program said, before the bot's ears or not: (place, utterance, author, text, time).
        self.said: list[tuple[str, str, str, str, str]] = []
        #: When each process last asked for events, by its name.
        self._polled: dict[str, float] = {}
        self._random = random.Random(seed)
        self._redeliver = redeliver_seconds
        self._owed: dict[str, _Owed] = {}
        self._changed = asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()
        self._number = 0
        self._taken: set[str] = set()
        #: Names in posts: as much as a crowd needs to know in order not to ask faster than it is answered.
        self._named: set[str] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()

    # What people do

    def ask(self, place: str, person: str, *, slowly: bool = False) -> str:
        """Let a person ask the next question, which it returns the name of."""
        self._number += 1
        name = str(self._number)
        self.history.note("said", name=name, place=place, person=person)
        self.say(place, person, question(person, self._number, slowly=slowly), name=name)
        return name

    def say(self, place: str, person: str, text: str, *, name: str = "", **more: Any) -> str:
        """Let a person say something; the utterance's id."""
        utterance = f"u{name}" if name else str(uuid4())
        at = datetime.now(UTC).isoformat()
        self.said.append((place, utterance, person, text, at))
        self.tell(place, person, type="message", utterance=utterance, text=text, at=at, name=name, **more)
        return utterance

    def tell(self, place: str, person: str, **event: Any) -> None:
        """Let an event be delivered. A place `dm/<person>` is hers alone; any other is a channel's."""
        late = self._random.random() < self.faults.late
        who = {"id": person, **self.people.get(person, {})}
        given = {"delivery": str(uuid4()), "place": place, "person": who, **event}
        pause = self._random.uniform(0.05, 0.5) if late else 0.0
        self._owe(_Owed(given, place, time.monotonic() + pause, first=not late))

    def _owe(self, owed: _Owed) -> None:
        self._owed[str(uuid4())] = owed
        self._changed.set()

    @property
    def listening(self) -> set[str]:
        """The processes that ever asked for events."""
        return set(self._polled)

    def listened(self, process: str, since: float) -> bool:
        """Whether a process asked for events after that time."""
        return self._polled.get(process, 0.0) > since

    @property
    def unanswered(self) -> int:
        """About how many questions nothing was said to so far."""
        return self._number - len(self._named)

    async def acknowledged_at_least(self, count: int) -> None:
        """Wait until so many questions were taken in."""
        while len(self._taken) < count:  # noqa: ASYNC110 (many wait, each for its own count)
            await asyncio.sleep(0.01)

    @property
    def undelivered(self) -> int:
        """How many events are on their way."""
        return len(self._owed)

    # HTTP

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._open.add(task)

        def leave(_task: asyncio.Task[None]) -> None:
            self._open.discard(task)
            writer.transport.abort() if task.cancelled() else writer.close()

        task.add_done_callback(leave)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first, _headers, body = await read_message(reader)
            path = first.split(" ")[1].strip("/")
            answer = await self._poll(reader, body) if path == "poll" else getattr(self, f"_on_{path}")(body)
            if answer is None:
                writer.transport.abort()
            else:
                writer.write(written(answer))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the bot is dead; what it did not hear is delivered again

    async def _poll(self, reader: asyncio.StreamReader, body: Any) -> Answer:
        self._polled[body["process"]] = time.monotonic()
        end = time.monotonic() + body["seconds"]
        while not reader.at_eof():
            if (found := self._next_events(body["process"])) or time.monotonic() >= end:
                return Answer(200, found)
            self._changed.clear()
            try:
                async with asyncio.timeout(0.05):  # what is late, or not acknowledged, becomes due by itself
                    await self._changed.wait()
            except TimeoutError:
                pass
        return Answer(200, [])

    def _next_events(self, process: str) -> list[Mapping[str, Any]]:
        now = time.monotonic()
        waiting: set[str] = set()
        found: list[Mapping[str, Any]] = []
        for token, owed in self._owed.items():
            if owed.first and owed.place in waiting:
                continue
            if owed.first:
                waiting.add(owed.place)
            if max(owed.handed_until, owed.due) > now:
                continue
            owed.handed_until = now + self._redeliver
            self.history.note("delivered", name=owed.event.get("name", ""), process=process)
            found.append({**owed.event, "token": token})
        return found

    def _on_ack(self, body: Any) -> Answer | None:
        if self._random.random() < self.faults.forget:
            return None
        owed = self._owed.pop(body["token"], None)
        if owed is not None:
            self._taken.add(owed.event.get("name", ""))
            self.history.note("acknowledged", name=owed.event.get("name", ""), process=body["process"])
            if self._random.random() < self.faults.duplicate:
                self._repeat(owed)
            self._changed.set()
        return Answer(200, {})

    def _on_refuse(self, body: Any) -> Answer:
        """The bot says why it did not take something in; it is delivered again, as if it had said nothing."""
        owed = self._owed.get(body["token"])
        name = "" if owed is None else owed.event.get("name", "")
        self.history.note("refused", name=name, error=body["error"], process=body["process"])
        return Answer(200, {})

    def _repeat(self, owed: _Owed) -> None:
        """Deliver once more what was acknowledged; every second time as if it were another delivery."""
        again = dict(owed.event)
        if self._random.random() < 0.5:
            again["delivery"] = str(uuid4())
        self._owe(_Owed(again, owed.place, time.monotonic() + self._random.uniform(0, 1), first=False))

    def _on_post(self, body: Any) -> Answer | None:
        post = Post(str(uuid4()), body["place"], body["key"], body["text"], body["extras"])
        self.posts[post.id] = post
        self._named |= {name for part in parts_of(post.text) for name in part[0] if name.isdigit()}
        where = {"place": post.place, "key": post.key, "process": body["process"]}
        self.history.note("posted", id=post.id, text=post.text, **where)
        if self._random.random() < self.faults.drop:
            return None
        return Answer(200, {"id": post.id})

    def _on_edit(self, body: Any) -> Answer:
        post = self.posts.get(body["id"])
        if post is None:
            return Answer(404, {})
        post.text = body["text"]
        if body["extras"] is not None:
            post.extras = body["extras"]
        self.history.note("edited", id=post.id, text=post.text, process=body["process"])
        return Answer(200, {})

    def _on_delete(self, body: Any) -> Answer:
        if self.posts.pop(body["id"], None) is not None:
            self.history.note("deleted", id=body["id"], process=body["process"])
        return Answer(200, {})

    def _on_find(self, body: Any) -> Answer:
        unknown = self._random.random() < self.faults.unknown
        where = {"place": body["place"], "key": body["key"], "process": body["process"]}
        self.history.note("found", unknown=unknown, **where)
        if unknown:
            return Answer(503, {})
        found = [post.id for post in self.posts.values() if post.key == body["key"] and post.place == body["place"]]
        return Answer(200, {"id": found[0] if found else None})

    def _on_earlier(self, body: Any) -> Answer:
        here = [one for one in self.said if one[0] == body["place"]]
        before = next((number for number, one in enumerate(here) if one[1] == body["before"]), len(here))
        return Answer(200, here[max(0, before - body["limit"]) : before])

    def _on_status(self, body: Any) -> Answer:
        self.status[body["place"]] = body["status"]
        return Answer(200, {})

    def _on_title(self, body: Any) -> Answer:
        self.titles[body["place"]] = body["title"]
        return Answer(200, {})

    def _on_respond(self, body: Any) -> Answer:
        if body["replaces"] and self.responses:
            self.responses.pop()
        self.responses.append((body["person"], body["shown"]))
        return Answer(200, {})

    def _on_person(self, body: Any) -> Answer:
        found = self.people.get(body["id"])
        return Answer(404, {}) if found is None else Answer(200, found)

    def _on_members(self, body: Any) -> Answer:
        found = self.members.get(body["place"])
        return Answer(404, {}) if found is None else Answer(200, {"kind": found[0], "people": found[1]})

    def _on_home(self, body: Any) -> Answer:
        self.homes[body["person"]] = body["shown"]
        return Answer(200, {})

    def _on_file(self, body: Any) -> Answer:
        found = self.files.get(body["reference"])
        return Answer(404, {}) if found is None else Answer(200, {"content": found})
