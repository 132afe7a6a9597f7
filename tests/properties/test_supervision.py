"""Whatever roles, scopes, disclosures and conversations there are: a supervisor in a chat sees what the rules say."""

import asyncio
import os
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import MessageChange, NewMessage
from bot.access.role_rows import grant_role, note_presence, set_scope
from bot.access.standing import scope_of_rows
from bot.errors import NotFound
from bot.memory.drafts import draft
from bot.memory.import_rows import ImportBatch
from bot.memory.values import ANOTHER_PARTICIPANT, PlaceKind, Role
from tests.bot.access.company import Company, company
from tests.bot.memory.stage import START
from tests.properties.supervision_rules import BREADTH, Said, Talk, World

PEOPLE = ("ada", "bob", "cleo")
CHANNELS = ("harbour", "office")
SCOPES = [
    ("everyone", ""),
    *(("person", one) for one in (*PEOPLE, "nobody")),
    *(("channel", one) for one in CHANNELS),
]


@dataclass(frozen=True)
class Step:
    """Something that happens."""

    what: str
    person: str
    #: Which of the threads, or of the messages.
    which: int
    supervision: str


STEPS = st.builds(
    Step,
    st.sampled_from(["say", "say", "say", "answer", "off", "edit", "import", "disclose", "tell"]),
    st.sampled_from(PEOPLE),
    st.integers(0, 20),
    st.sampled_from(sorted(BREADTH)),
)
TALKS = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.sampled_from(get_args(PlaceKind)), st.sampled_from(CHANNELS)),
    min_size=1,
    max_size=4,
)
SCOPE = st.frozensets(st.sampled_from(SCOPES), max_size=3)
MOSTLY = st.sampled_from([True, True, True, True, False])


class Play:
    """The same things done to the product and to the rules."""

    def __init__(self, firm: Company) -> None:
        self.firm = firm
        self.world = World()
        #: What became of messages, over all comparisons.
        self.seen: set[str] = set()

    async def begin(self, talks: list[tuple[str, Any, str]]) -> None:
        await self.firm.know("grace", *PEOPLE)
        for number, (owner, kind, channel) in enumerate(talks):
            talk = Talk(f"t{number}", owner, kind, "" if kind == "direct" else channel)
            others = [one for one in PEOPLE if one != owner]
            await self.firm.thread(talk.id, owner, *others, kind=kind, channel=talk.channel, title=f"title {talk.id}")
            self.world.talks[talk.id] = talk

    async def step(self, step: Step) -> None:
        world, firm = self.world, self.firm
        talk = list(world.talks.values())[step.which % len(world.talks)]
        if step.what == "disclose":
            version = await firm.disclose(step.supervision)
            if version > len(world.versions):
                world.versions.append(step.supervision)
        elif step.what == "tell":
            # Told of some version, never of an older one than before.
            version = max(world.told.get(step.person, 1), step.which % len(world.versions) + 1)
            await firm.tell(step.person, version)
            world.told[step.person] = version
        elif step.what == "edit":
            if world.said:
                await self._edit(list(world.said.values())[step.which % len(world.said)])
        else:
            await self._say(step, talk)

    async def _say(self, step: Step, talk: Talk) -> None:
        name, author = f"m{len(self.world.said)}", step.person
        said = Said(name, talk.id, author, f"words of {author} {name}", self.world.version_said_by(author))
        role: Role = "assistant" if step.what == "answer" else "user"
        new = NewMessage(talk.id, author, said.text, role, id=name, created_at=self.firm.clock())
        if step.what == "import":
            await self.firm.system.import_batch(ImportBatch([], [draft(new, name)], {}, {}))
            said = replace(said, version=0)
        else:
            await self.firm.say(talk.id, author, said.text, name, off_record=step.what == "off")
            said = replace(said, off_record=step.what == "off")
        self.world.said[name] = said

    async def _edit(self, said: Said) -> None:
        said.text = f"other words of {said.author} {said.id}"
        await self.firm.person(said.author).update_messages([MessageChange(said.id, text=said.text)])
        said.version = self.world.edited(said)

    async def appoint(self, scope: frozenset[tuple[str, str]], *, role: bool, here: bool) -> None:
        if role:
            await self.firm.do(grant_role, "grace", "supervisor", None, START)
            await self.firm.do(set_scope, "grace", scope_of_rows(scope), None, START)
        await self.firm.do(note_presence, "grace", here=here, now=START)
        self.world = replace(self.world, role=role, here=here, scope=scope)

    async def compare(self, person: str) -> None:
        """All that she can ask for about a person."""
        view, world = self.firm.scoped(person), self.world
        shown = {talk.id: world.shown(talk, person) for talk in world.talks.values()}
        listed = {name: messages for name, messages in shown.items() if messages}

        found = (await view.list_threads(per_page=None)).items
        assert {(one.id, one.title, one.message_count) for one in found} == {
            (name, f"title {name}" if world.title_shown(world.talks[name], person) else "", len(messages))
            for name, messages in listed.items()
        }
        assert {one.id for one in (await view.list_threads({"resource_id": person}, per_page=None)).items} == {*listed}
        for channel in CHANNELS:
            in_channel = (await view.list_threads({"channel_id": channel}, per_page=None)).items
            assert {one.id for one in in_channel} == {name for name in listed if world.talks[name].channel == channel}

        for name, messages in shown.items():
            opened = await view.recall(name, per_page=None)
            assert {(one.id, one.resource_id, one.text) for one in opened.items} == {
                (one.id, one.author, one.text) if one.author == person else (one.id, ANOTHER_PARTICIPANT, "")
                for one in messages
            }
            assert opened.total == len(messages)
            try:
                asked = (await view.recall(name, person, per_page=None)).items
            except NotFound:
                asked = ()
            assert {one.id for one in asked} == {one.id for one in messages}
            assert ((await view.get_thread_by_id(name)) is not None) == bool(messages)
            self.seen.update(("shown" if one.author == person else "masked") for one in messages)
            every = [one for one in world.said.values() if one.thread == name]
            self.seen.update("hidden" for one in every if messages and one not in messages)

        words = {one.id for messages in listed.values() for one in messages if one.author == person}
        assert {one.id for one in (await view.search_messages("words", per_page=None)).items} == words
        assert {one.id for one in (await view.list_messages_by_resource_id(person, per_page=None)).items} == words
        assert (await view.search_messages("words", "somebody else")).total == 0


async def _play(
    url: str, anchor: Path, number: int, talks: Any, steps: list[Step], scope: Any, *, role: bool, here: bool
) -> set[str]:
    async with AsyncExitStack() as stack:
        firm = await stack.enter_async_context(company(url, anchor, f"local:run-{number}"))
        play = Play(firm)
        await play.begin(talks)
        await play.step(Step("disclose", "ada", 0, "all" if number % 3 else "channels"))
        for step in steps:
            await play.step(step)
        await play.appoint(scope, role=role, here=here)
        for person in (*PEOPLE, "nobody"):
            await play.compare(person)
        return play.seen


def test_a_supervisor_sees_what_the_rules_say_and_nothing_else(url: str, tmp_path: Path) -> None:
    loop = asyncio.new_event_loop()
    runs = 0
    seen: set[str] = set()

    def run(work: Coroutine[Any, Any, set[str]]) -> None:
        seen.update(loop.run_until_complete(work))

    @settings(max_examples=25, derandomize="CI" in os.environ, deadline=None, suppress_health_check=list(HealthCheck))
    @given(talks=TALKS, steps=st.lists(STEPS, min_size=6, max_size=16), scope=SCOPE, role=MOSTLY, here=MOSTLY)
    def plays(talks: Any, steps: list[Step], scope: Any, role: bool, here: bool) -> None:
        nonlocal runs
        runs += 1
        run(_play(url, tmp_path / "run.anchor", runs, talks, steps, scope, role=role, here=here))

    try:
        plays()
    finally:
        loop.close()
    assert seen == {"shown", "masked", "hidden"}
