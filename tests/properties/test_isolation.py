"""Random people do random things; whatever they do, nobody gets a message or thread in which she takes no part.

A small model in plain Python says who takes part where. Every text carries a canary with its number, so that whatever
comes back can be looked up in the model.
"""

import asyncio
import os
import re
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from bot import Actor, Memory, MessageChange, NewMessage, Thread
from bot.errors import BotError, Conflict, NotAllowed, NotFound
from bot.memory.values import Include
from bot.memory.view import MemoryView
from tests.bot.memory.stage import START, ticking

PEOPLE = ("ada", "bob", "eve", "dan")
PERSON = st.sampled_from(PEOPLE)
#: Which of the threads or messages there are; far more than there are means one that is missing.
WHICH = st.integers(0, 40)


@dataclass
class ModelMessage:
    """What is known of a message."""

    thread_id: str
    author: str
    text: str


@dataclass
class ModelThread:
    """What is known of a thread."""

    owner: str
    participants: set[str]


@dataclass
class Model:
    """Who takes part where, and who said what."""

    threads: dict[str, ModelThread] = field(default_factory=dict)
    messages: dict[str, ModelMessage] = field(default_factory=dict)

    def sees(self, person: str, thread_id: str) -> bool:
        """Whether the thread exists for a person."""
        return thread_id in self.threads and person in self.threads[thread_id].participants

    def readable(self, person: str) -> dict[str, ModelMessage]:
        """What a person may read."""
        return {name: one for name, one in self.messages.items() if self.sees(person, one.thread_id)}

    def in_thread(self, thread_id: str) -> dict[str, ModelMessage]:
        """What a thread holds."""
        return {name: one for name, one in self.messages.items() if one.thread_id == thread_id}


class Isolation(RuleBasedStateMachine):
    """Random operations of several people on one memory."""

    url: ClassVar[str]
    loop: ClassVar[asyncio.AbstractEventLoop]
    runs: ClassVar[int] = 0

    @initialize()
    def begin(self) -> None:
        """Open a workspace of its own for each run."""
        type(self).runs += 1
        self.model = Model()
        self.made = 0
        self.names: list[str] = []
        self.said: list[str] = []
        self.memory: Memory = self.run(Memory.open(self.url, workspace=f"run {self.runs}", now=ticking(START)))

    def teardown(self) -> None:
        """Close it."""
        if hasattr(self, "memory"):
            self.run(self.memory.close())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do asynchronous work to its end."""
        return self.loop.run_until_complete(work)

    def view(self, person: str) -> MemoryView:
        """The memory as a person sees it."""
        view: MemoryView = self.memory.as_actor(Actor.person(person))
        return view

    @property
    def system(self) -> MemoryView:
        """The memory as the program sees it."""
        view: MemoryView = self.memory.as_actor(Actor.system("test"))
        return view

    def attempt(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What comes of some work: a value, or the kind of its error."""
        try:
            return self.run(work)
        except BotError as error:
            return type(error)

    def thread(self, which: int) -> str:
        """A thread's id, perhaps of one that is gone or never was."""
        return self.names[which % len(self.names)] if self.names and which < 36 else f"missing {which}"

    def message(self, which: int) -> str:
        """A message's id, likewise."""
        return self.said[which % len(self.said)] if self.said and which < 36 else f"missing {which}"

    def new(self, kind: str) -> str:
        """A name that is new."""
        self.made += 1
        return f"{kind}{self.made}"

    def canary(self) -> str:
        """A text that is new, with words that many texts hold."""
        self.made += 1
        return f"canary{self.made} shared words"

    def check(self, person: str, found: Any) -> None:
        """Nothing in `found` is another's alone."""
        readable = self.model.readable(person)
        texts = {one.text for one in readable.values()}
        for canary in re.findall(r"canary\d+ shared words", repr(found)):
            assert canary in texts, f"{person} got {canary}"
        for message in getattr(found, "items", ()):
            if isinstance(message, Thread):
                assert self.model.sees(person, message.id)
            else:
                known = readable[message.id]
                assert (message.thread_id, message.resource_id, message.text) == (
                    known.thread_id,
                    known.author,
                    known.text,
                )

    # What people do.

    @rule(person=PERSON, taken=st.integers(0, 8), which=WHICH)
    def create(self, person: str, taken: int, which: int) -> None:
        name = self.thread(which) if taken == 0 else self.new("t")
        made = self.attempt(self.view(person).create_thread(person, name, title=f"title of {name}"))
        if name in self.model.threads:
            assert made is Conflict
        else:
            assert made.id == name
            self.model.threads[name] = ModelThread(person, {person})
            self.names.append(name)

    @rule(person=PERSON, which=WHICH, minutes=st.none() | st.integers(-3, 3))
    def save(self, person: str, which: int, minutes: int | None) -> None:
        thread_id, name, text = self.thread(which), self.new("m"), self.canary()
        created_at: datetime | None = None if minutes is None else START + timedelta(minutes=minutes)
        message = NewMessage(thread_id, person, text, id=name, created_at=created_at)
        saved = self.attempt(self.view(person).save_messages([message]))
        if self.model.sees(person, thread_id):
            assert [one.text for one in saved] == [text]
            self.model.messages[name] = ModelMessage(thread_id, person, text)
            self.said.append(name)
        else:
            assert saved is NotFound

    @rule(person=PERSON, which=WHICH, where=WHICH)
    def save_over(self, person: str, which: int, where: int) -> None:
        name, text, thread_id = self.message(which), self.canary(), self.thread(where)
        saved = self.attempt(self.view(person).save_messages([NewMessage(thread_id, person, text, id=name)]))
        known = self.model.messages.get(name)
        if not self.model.sees(person, thread_id):
            assert saved is NotFound
        elif known is None:
            self.model.messages[name] = ModelMessage(thread_id, person, text)
            self.said.append(name)
        elif (known.thread_id, known.author) == (thread_id, person):
            known.text = text
        else:
            assert saved is Conflict

    @rule(person=PERSON, which=WHICH)
    def edit(self, person: str, which: int) -> None:
        name, text = self.message(which), self.canary()
        changed = self.run(self.view(person).update_messages([MessageChange(name, text=text)]))
        known = self.model.readable(person).get(name)
        if known is not None and known.author == person:
            known.text = text
            assert [one.text for one in changed] == [text]
        else:
            assert changed == []

    @rule(person=PERSON, some=st.lists(WHICH, max_size=3))
    def delete(self, person: str, some: list[int]) -> None:
        names = [self.message(which) for which in some]
        self.run(self.view(person).delete_messages(names))
        for name in names:
            known = self.model.readable(person).get(name)
            if known is not None and known.author == person:
                del self.model.messages[name]

    @rule(person=PERSON, which=WHICH)
    def delete_thread(self, person: str, which: int) -> None:
        thread_id = self.thread(which)
        done = self.attempt(self.view(person).delete_thread(thread_id))
        if not self.model.sees(person, thread_id):
            assert done is None
        elif self.model.threads[thread_id].owner != person:
            assert done is NotAllowed
        else:
            for name in self.model.in_thread(thread_id):
                del self.model.messages[name]
            del self.model.threads[thread_id]

    @rule(person=PERSON, which=WHICH, taken=st.integers(0, 5), where=WHICH)
    def clone(self, person: str, which: int, taken: int, where: int) -> None:
        thread_id, name = self.thread(which), self.thread(where) if taken == 0 else self.new("t")
        copy = self.attempt(self.view(person).clone_thread(thread_id, name))
        if not self.model.sees(person, thread_id):
            assert copy is NotFound
        elif self.model.threads[thread_id].owner != person:
            assert copy is NotAllowed
        elif name in self.model.threads:
            assert copy is Conflict
        else:
            self.model.threads[name] = ModelThread(person, {person})
            self.names.append(name)
            originals = self.model.in_thread(thread_id)
            copies = self.run(self.system.recall(name, per_page=None)).items
            assert sorted(one.text for one in copies) == sorted(one.text for one in originals.values())
            for one in copies:
                self.model.messages[one.id] = ModelMessage(name, one.resource_id, one.text)
                self.said.append(one.id)

    @rule(which=WHICH, person=PERSON)
    def transfer(self, which: int, person: str) -> None:
        thread_id = self.thread(which)
        done = self.attempt(self.system.transfer_thread(thread_id, person))
        known = self.model.threads.get(thread_id)
        if known is None:
            assert done is NotFound
            return
        for one in self.model.in_thread(thread_id).values():
            if one.author == known.owner:
                one.author = person
        known.participants = (known.participants - {known.owner}) | {person}
        known.owner = person

    @rule(which=WHICH, person=PERSON)
    def add_participant(self, which: int, person: str) -> None:
        thread_id = self.thread(which)
        done = self.attempt(self.system.add_participant(thread_id, person))
        if thread_id in self.model.threads:
            self.model.threads[thread_id].participants.add(person)
        else:
            assert done is NotFound

    # What people read.

    @rule(person=PERSON, which=WHICH, other=WHICH, around=st.integers(0, 3), per_page=st.integers(1, 5))
    def recall(self, person: str, which: int, other: int, around: int, per_page: int) -> None:
        view, thread_id = self.view(person), self.thread(which)
        include = [Include(self.message(other), previous=around, next=around)]
        self.check(person, self.run(view.recall(thread_id, per_page=per_page, include=include)))
        asked = self.attempt(view.recall(thread_id, person, per_page=None))
        if not self.model.sees(person, thread_id):
            assert asked is NotFound
            assert self.run(view.get_thread_by_id(thread_id)) is None
            return
        self.check(person, asked)
        assert {one.id for one in asked.items} == set(self.model.in_thread(thread_id))

    @rule(person=PERSON, which=WHICH, other=WHICH)
    def recall_several(self, person: str, which: int, other: int) -> None:
        wanted = [self.thread(which), self.thread(other)]
        found = self.attempt(self.view(person).recall(wanted, per_page=None))
        if len(set(wanted)) > 1 and not all(self.model.sees(person, one) for one in wanted):
            assert found is NotFound
        else:
            self.check(person, found)

    @rule(person=PERSON, other=PERSON | st.none(), which=WHICH)
    def search(self, person: str, other: str | None, which: int) -> None:
        view = self.view(person)
        found = self.run(view.search_messages("shared words", other, per_page=None))
        self.check(person, found)
        expected = {
            name for name, one in self.model.readable(person).items() if other is None or one.author == other
        }  # fmt: skip
        assert {one.id for one in found.items} == expected
        self.check(person, self.run(view.recall(self.thread(which), search="shared words")))

    @rule(person=PERSON, other=PERSON)
    def list_everything(self, person: str, other: str) -> None:
        view = self.view(person)
        own, shared = self.run(view.list_threads(per_page=None)), self.run(view.get_threads_by_resource_id(other))
        listed = self.run(view.list_messages_by_resource_id(other, per_page=None))
        for found in (own, listed):
            self.check(person, found)
        seen = {name for name in self.model.threads if self.model.sees(person, name)}
        assert {one.id for one in own.items} == seen
        assert {one.id for one in shared} == {name for name in seen if self.model.sees(other, name)}
        assert {one.id for one in listed.items} == {
            name for name, one in self.model.readable(person).items() if one.author == other
        }

    @invariant()
    def the_memory_holds_what_the_model_holds(self) -> None:
        """Counts are true, and nothing is left of what was deleted."""
        if not hasattr(self, "memory"):
            return
        threads = self.run(self.system.list_threads(per_page=None)).items
        assert {one.id: one.message_count for one in threads} == {
            name: len(self.model.in_thread(name)) for name in self.model.threads
        }
        assert {one.id: {*one.participants} for one in threads} == {
            name: known.participants for name, known in self.model.threads.items()
        }


def test_nobody_gets_a_message_or_thread_in_which_she_takes_no_part(url: str) -> None:
    loop = asyncio.new_event_loop()
    machine = type("IsolationOnEngine", (Isolation,), {"url": url, "loop": loop})
    chosen = settings(
        max_examples=25,
        stateful_step_count=50,
        derandomize="CI" in os.environ,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

    try:
        run_state_machine_as_test(machine, settings=chosen)
    finally:
        loop.close()


def test_the_model_itself_notices_a_leak() -> None:
    machine = Isolation.__new__(Isolation)
    machine.model = Model(
        {"t1": ModelThread("ada", {"ada"})}, {"m1": ModelMessage("t1", "ada", "canary1 shared words")}
    )

    machine.check("ada", "canary1 shared words")

    with pytest.raises(AssertionError, match="bob got canary1"):
        machine.check("bob", "canary1 shared words")
