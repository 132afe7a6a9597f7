"""What goes when a person forgets, what stays, and that nothing comes back."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text

from bot.chat import Reply
from bot.errors import PlatformUnreachable, PostRefused
from bot.models.port import Finished, ModelEvent, ModelRequest, TextDelta
from bot.storage.tables import erasures, fact_sources, facts, messages, metadata, participants, people, scopes, threads
from bot.storage.turn_tables import deliveries_in, jobs, places, turns, utterances
from bot.supervision.erasing import erase
from bot.supervision.erasure_rows import PORTION, Wanted, begin_erasure, erase_portion
from tests.bot.supervision.paper import Office, Paper, direct, office, person, thread_in, wall_clock
from tests.bot.turns.events import edit_of, new_delivery

ANA, BEN, CLEO = person("ana"), person("ben"), person("cleo")


def tables_with(connection: Connection, words: str) -> list[str]:
    names = [table.name for table in metadata.sorted_tables] + ["message_search"]
    return [
        name
        for name in names
        if any(words in str(tuple(row)).lower() for row in connection.execute(text(f"SELECT * FROM {name}")))
    ]


async def holds(at: Office, words: str) -> list[str]:
    return await at.store.read(tables_with, words)


async def forget(at: Office, extent: Any, what: str = "", number: str = "e1") -> Any:
    begun = await at.store.write(
        begin_erasure, at.scope, Wanted(number, ANA.resource_id, extent, what), direct(ANA), wall_clock()
    )
    if begun is not None:
        for word in begun.words:
            at.serving.signals.say(word)
    return begun


async def certified(at: Office) -> Reply:
    (certificate,) = await at.until(lambda: at.reports(direct(ANA), "**Certificate"))
    await at.quiet()
    return certificate  # type: ignore[no-any-return]


async def texts(at: Office) -> list[str]:
    return [row["text"] for row in await at.rows(messages)]


async def test_a_message_goes_with_its_answer_and_nothing_else(url: str) -> None:
    async with office(url) as at:
        await at.say(ANA, "first words")
        await at.quiet()
        second = await at.say(ANA, "secret words")
        await at.quiet()
        await at.say(ANA, "third words")
        await at.quiet()
        assert len(await texts(at)) == 6

        assert await forget(at, "message", second.utterance_id) is not None
        certificate = await certified(at)

        assert "messages" not in await holds(at, "secret")
        assert len(await texts(at)) == 4
        assert "message_search" not in await holds(at, "secret")
        assert "messages and answers: 2, left: 0" in certificate.text
        assert [row["message_count"] for row in await at.rows(threads)] == [4]


async def test_a_message_that_is_just_answered_goes_and_its_answer_is_withdrawn(url: str) -> None:
    model = Waiting()
    async with office(url, model) as at:
        said = await at.say(ANA, "secret words")
        await asyncio.wait_for(model.asked.wait(), 10)
        await forget(at, "message", said.utterance_id)
        model.go_on.set()
        await certified(at)

        assert await texts(at) == []
        assert [row["state"] for row in await at.rows(turns)] == ["withdrawn"]
        assert [post.text for post in at.posts(direct(ANA)) if "secret" in post.text] == []


@pytest.mark.parametrize("whose", ["ben's", "nobody's"])
async def test_what_is_not_hers_looks_like_what_is_not_there(url: str, whose: str) -> None:
    async with office(url) as at:
        await at.say(ANA, "mine")
        said = await at.say(BEN, "his")
        await at.quiet()
        before = await texts(at)
        message, thread = (said.utterance_id, "dm-ben") if whose == "ben's" else ("none", "none")

        assert await forget(at, "message", message, "1") is None
        assert await forget(at, "conversation", thread, "2") is None
        await at.quiet()

        assert await texts(at) == before
        assert await at.rows(erasures) == []


async def test_a_conversation_of_ones_own_goes_whole_and_another_begins_in_its_place(url: str) -> None:
    async with office(url) as at:
        await at.say(ANA, "secret words")
        await at.quiet()
        await forget(at, "conversation", "dm-ana")
        await at.say(ANA, "new words")
        await certified(at)

        assert [row["id"] for row in await at.rows(threads)] == ["dm-ana#2"]
        assert [one for one in await texts(at) if "secret" in one] == []
        assert len(await texts(at)) == 2


async def test_in_a_shared_conversation_her_words_go_and_it_is_another_s(url: str) -> None:
    where = thread_in()
    async with office(url) as at:
        await at.say(ANA, "secret title", where)
        await at.quiet()
        await at.say(BEN, "his words", where)
        await at.quiet()
        ben = (await at.rows(people, people.c.resource_id == BEN.resource_id))[0]["key"]
        his = [row["text"] for row in await at.rows(messages, messages.c.resource_key == ben)]
        await forget(at, "conversation", where.place_id)
        certificate = await certified(at)

        (thread,) = await at.rows(threads)
        assert (thread["owner_key"], thread["title"], thread["message_count"]) == (ben, "", 2)
        assert await texts(at) == his
        assert [row["resource_key"] for row in await at.rows(participants)] == [ben]
        assert "what others wrote" in certificate.text
        assert {row["resource_key"] for row in await at.rows(turns)} == {ben}
        assert (await at.rows(erasures))[0]["counts"]["after"] == {}

        # She may speak there again, and he was not left out of anything.
        await at.say(ANA, "here I am", where)
        await at.quiet()
        assert len(await texts(at)) == 4


async def test_a_title_that_she_gave_goes_with_her_and_his_stays(url: str) -> None:
    async with office(url) as at:
        for root, first, second in (("1", ANA, BEN), ("2", BEN, ANA)):
            for who in (first, second):
                await at.say(who, f"words of {who.name}", thread_in(root=root))
                await at.quiet()
        view_of = {"1": ANA, "2": BEN}

        def title(connection: Connection) -> None:
            for root in view_of:
                named = {"title": f"title {root}", "title_source": "person"}
                connection.execute(threads.update().where(threads.c.id == f"general/{root}").values(named))

        await at.store.write(title)
        await forget(at, "everything")
        await certified(at)

        assert [row["title"] for row in await at.rows(threads)] == ["", "title 2"]


async def test_facts_that_rest_on_the_words_alone_go_with_them(url: str) -> None:
    async with office(url) as at:
        said = [await at.say(ANA, f"words {number}") for number in range(2)]
        await at.quiet()
        keys = {row["id"]: row["key"] for row in await at.rows(messages)}

        def lay(connection: Connection) -> None:
            hers = connection.execute(select(people.c.key).where(people.c.resource_id == ANA.resource_id)).scalar_one()
            for name, sources in (("on one", said[:1]), ("on both", said)):
                row = {"workspace_key": at.scope.workspace_key, "resource_key": hers, "id": name, "text": name}
                at_ = {"created_at": wall_clock(), "updated_at": wall_clock()}
                fact = connection.execute(insert(facts).returning(facts.c.key), row | at_).scalar_one()
                rows = [{"fact_key": fact, "message_key": keys[one.utterance_id]} for one in sources]
                connection.execute(insert(fact_sources), rows)

        await at.store.write(lay)
        await forget(at, "message", said[0].utterance_id)
        await certified(at)

        assert [row["text"] for row in await at.rows(facts)] == ["on both"]


async def test_everything_leaves_no_person_and_she_comes_back_as_somebody_new(url: str) -> None:
    async with office(url) as at:
        await at.say(ANA, "secret words")
        await at.say(CLEO, "other words")
        await at.quiet()
        (before,) = await at.rows(people, people.c.resource_id == ANA.resource_id)
        await forget(at, "everything")
        certificate = await certified(at)

        assert [row["resource_id"] for row in await at.rows(people)] == [CLEO.resource_id]
        assert set(await holds(at, "secret")) == set()
        assert await holds(at, "ana") == []
        assert "your name and settings: 1, left: 0" in certificate.text
        (row,) = await at.rows(erasures)
        assert (row["subject_id"], row["counts"]["after"]) == (before["subject_id"], {})
        assert row["scrubbed_at"] is not None

        await at.say(ANA, "hello again")
        await at.quiet()
        (again,) = await at.rows(people, people.c.resource_id == ANA.resource_id)
        assert again["subject_id"] != before["subject_id"]
        assert again["told_version"] is None


async def test_forgetting_again_finds_nothing(url: str) -> None:
    async with office(url) as at:
        await at.say(ANA, "words")
        await at.quiet()
        assert await forget(at, "everything", number="1") is not None
        assert await forget(at, "everything", number="2") is None
        await certified(at)


async def test_a_conversation_of_more_than_one_portion_goes_whole(url: str) -> None:
    async with office(url) as at:
        await at.say(ANA, "words")
        await at.quiet()

        def many(connection: Connection) -> None:
            (first, *_) = connection.execute(select(messages)).mappings().all()
            row = {name: first[name] for name in ("workspace_key", "thread_key", "resource_key", "role", "text")}
            row |= {name: first[name] for name in ("sent_at", "disclosure", "stored_at")} | {"metadata_": {}}
            rows = [row | {"seq": 10 + one, "id": f"more {one}"} for one in range(2 * PORTION)]
            connection.execute(insert(messages), rows)
            connection.execute(threads.update().values(next_seq=10 + 2 * PORTION))

        await at.store.write(many)
        await forget(at, "conversation", "dm-ana")
        certificate = await certified(at)

        assert await texts(at) == []
        assert f"messages and answers: {2 * PORTION + 2:,}, left: 0" in certificate.text


# What comes back


class Waiting:
    """A model that answers when it is let go on."""

    name = "waiting"
    offline = True

    def __init__(self) -> None:
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        self.asked.set()
        yield TextDelta("You ")
        await self.go_on.wait()
        yield TextDelta(f"said {request.messages[-1].content}")
        yield Finished("stop")

    async def close(self) -> None:
        return


@pytest.mark.parametrize("extent", ["conversation", "everything"])
@pytest.mark.parametrize("woken", [True, False], ids=["woken", "not woken"])
async def test_an_answer_that_is_being_made_is_not_stored(url: str, extent: str, woken: bool) -> None:
    model, where = Waiting(), thread_in()
    async with office(url, model) as at:
        await at.say(BEN, "his words", where)
        await asyncio.wait_for(model.asked.wait(), 10)
        model.go_on.set()
        await at.quiet()
        model.asked.clear()
        model.go_on.clear()
        await at.say(ANA, "secret words", where)
        await asyncio.wait_for(model.asked.wait(), 10)
        wanted = Wanted("e1", ANA.resource_id, extent, where.place_id)  # type: ignore[arg-type]
        begun = await at.store.write(begin_erasure, at.scope, wanted, direct(ANA), wall_clock())
        assert begun is not None
        if woken:
            for word in begun.words:
                at.serving.signals.say(word)
        model.go_on.set()
        await certified(at)
        await at.until(lambda: at.serving.worker.at_work == 0)

        assert await holds(at, "secret") == []
        assert [one.text for one in at.posts(where) if "secret" in one.text] == []


async def test_the_same_delivered_again_is_not_taken_in(url: str) -> None:
    async with office(url) as at:
        said = await at.say(ANA, "secret words")
        await at.quiet()
        await forget(at, "everything")
        await certified(at)

        await at.tell(said)
        await at.tell(replace(said, delivery_id=new_delivery()))
        await at.tell(edit_of(said, "secret words, better", wall_clock()))
        await at.quiet()

        assert await holds(at, "secret") == []
        assert await at.rows(deliveries_in) != []


async def test_what_was_imported_and_forgotten_is_not_taken_in_by_a_late_delivery(url: str) -> None:
    async with office(url) as at:
        said = await at.say(ANA, "secret words")
        await at.quiet()

        def unheard(connection: Connection) -> None:
            connection.execute(utterances.delete())
            connection.execute(deliveries_in.delete())

        await at.store.write(unheard)
        await forget(at, "message", said.utterance_id)
        await certified(at)
        await at.tell(said)
        await at.quiet()

        assert await texts(at) == []


async def test_of_racing_messages_each_is_erased_or_belongs_to_who_comes_back(url: str) -> None:
    async with office(url) as at:
        for number in range(30):
            await at.say(ANA, f"old {number}")
        saying = [asyncio.create_task(at.say(ANA, f"racing {number}")) for number in range(20)]
        await forget(at, "everything")
        await asyncio.gather(*saying)
        await certified(at)

        rows = await at.rows(people)
        assert len(rows) <= 1  # she came back, or all of it was before
        keys = {row["key"] for row in rows}
        assert all(row["resource_key"] in keys for row in await at.rows(messages))
        assert [one for one in await texts(at) if one.startswith("old")] == []
        # What was taken in for the new person is answered.
        assert {row["state"] for row in await at.rows(turns)} <= {"answered"}


async def test_what_she_says_after_it_began_belongs_to_somebody_new_and_stays(url: str) -> None:
    async with office(url) as at:
        await at.say(ANA, "old words")
        await at.quiet()
        wanted = Wanted("e1", ANA.resource_id, "everything")
        begun = await at.store.write(begin_erasure, at.scope, wanted, direct(ANA), wall_clock())
        await at.say(ANA, "new words")
        for word in begun.words if begun else ():
            at.serving.signals.say(word)
        await certified(at)
        await at.quiet()

        assert "new words" in await texts(at)
        assert [one for one in await texts(at) if "old" in one] == []


async def test_a_reply_to_what_is_being_erased_begins_anew(url: str) -> None:
    async with office(url) as at:
        said = await at.say(ANA, "old words")
        await at.quiet()
        wanted = Wanted("e1", ANA.resource_id, "conversation", "dm-ana")
        begun = await at.store.write(begin_erasure, at.scope, wanted, direct(ANA), wall_clock())
        await at.say(ANA, "new words", replies_to=said.utterance_id)
        for word in begun.words if begun else ():
            at.serving.signals.say(word)
        await certified(at)
        await at.quiet()

        assert [row["id"] for row in await at.rows(threads)] == ["dm-ana#2"]


async def test_what_she_says_in_a_shared_conversation_while_it_is_erased_stays(url: str) -> None:
    where = thread_in()
    async with office(url) as at:
        await at.say(ANA, "old words", where)
        await at.say(BEN, "his words", where)
        await at.quiet()
        wanted = Wanted("e1", ANA.resource_id, "conversation", where.place_id)
        begun = await at.store.write(begin_erasure, at.scope, wanted, direct(ANA), wall_clock())
        await at.say(ANA, "new words", where)
        for word in begun.words if begun else ():
            at.serving.signals.say(word)
        await certified(at)
        await at.quiet()

        assert "new words" in await texts(at)
        assert "old words" not in await texts(at)


# Ends and new beginnings


@pytest.mark.parametrize("at_portion", [0, 1, 2, 3])
async def test_an_erasure_that_was_cut_anywhere_is_ended_by_the_next_process(url: str, at_portion: int) -> None:
    paper = Paper()
    async with office(url, paper=paper) as at:
        await at.say(ANA, "secret words")
        await at.say(BEN, "his words")
        await at.quiet()
        at.serving.worker.drain()
        wanted = Wanted("e1", ANA.resource_id, "everything")
        begun = await at.store.write(begin_erasure, at.scope, wanted, direct(ANA), wall_clock())
        assert begun is not None
        for _ in range(at_portion):
            await at.store.write(erase_portion, at.scope.workspace_key, begun.arguments, wall_clock())
    async with office(url, paper=paper) as at:
        await certified(at)

        assert await holds(at, "secret") == []
        assert [row["resource_id"] for row in await at.rows(people)] == [BEN.resource_id]
        assert len(at.reports(direct(ANA), "**Certificate")) == 1


async def test_done_again_after_its_end_it_touches_nobody_who_got_the_same_keys(url: str) -> None:
    async with office(url) as at:
        await at.say(ANA, "secret words")
        await at.quiet()
        at.serving.worker.drain()
        wanted = Wanted("e1", ANA.resource_id, "everything")
        begun = await at.store.write(begin_erasure, at.scope, wanted, direct(ANA), wall_clock())
        assert begun is not None
        (row,) = await at.rows(jobs, jobs.c.kind == "erase")
        job = await at.store.read(lambda _connection: _job(row))

        async def progress(_words: str) -> None:
            return

        await erase(at.bench, job, progress)
        # On SQLite they get the keys that she and her conversation had.
        await at.say(BEN, "his words")
        again = await erase(at.bench, job, progress)

        assert "left: 0" in again
        assert await texts(at) == ["his words"]
        assert [one["resource_id"] for one in await at.rows(people)] == [BEN.resource_id]


async def test_done_again_it_touches_no_conversation_that_got_the_same_key(url: str) -> None:
    async with office(url) as at:
        for number in range(3):
            await at.say(ANA, f"secret words {number}")
        await at.quiet()
        at.serving.worker.drain()
        wanted = Wanted("e1", ANA.resource_id, "conversation", "dm-ana")
        begun = await at.store.write(begin_erasure, at.scope, wanted, direct(ANA), wall_clock())
        assert begun is not None
        while await at.store.write(erase_portion, at.scope.workspace_key, begun.arguments, wall_clock()):
            pass
        await at.say(ANA, "new words")
        await at.store.write(erase_portion, at.scope.workspace_key, begun.arguments, wall_clock())

        assert await texts(at) == ["new words"]
        if not at.store.shared:
            assert [row["key"] for row in await at.rows(threads)] == [begun.arguments["thread"]]


def _job(row: dict[str, Any]) -> Any:
    from bot.turns.job_rows import Job
    from bot.turns.turn_values import Lease

    return Job(
        row["key"], row["id"], row["kind"], row["arguments"], row["workspace_key"], "", None, Lease("", 0), 1, None, {}
    )


async def test_a_certificate_that_cannot_be_sent_is_tried_again_and_sent_once(url: str) -> None:
    async with office(url) as at:
        await at.say(ANA, "words")
        await at.quiet()
        at.paper.loses_next = PlatformUnreachable()
        await forget(at, "everything")
        await certified(at)

        assert len(at.reports(direct(ANA), "**Certificate")) == 1


async def test_where_nobody_takes_the_certificate_everything_is_erased_all_the_same(url: str) -> None:
    async with office(url) as at:
        await at.say(ANA, "secret words")
        await at.quiet()
        at.paper.refuses = PostRefused()
        await forget(at, "everything")
        await at.quiet()

        assert await holds(at, "secret") == []
        assert await at.rows(people) == []
        assert [row for row in await at.rows(places) if row["id"] == "dm-ana"] == []
        assert [row["kind"] for row in await at.rows(jobs) if row["kind"] == "erase"] == []


async def test_permissions_that_name_her_go_and_others_stay(url: str) -> None:
    async with office(url) as at:
        await at.say(ANA, "words")
        await at.say(CLEO, "words")
        await at.quiet()

        def permit(connection: Connection) -> None:
            (cleo,) = connection.execute(select(people.c.key).where(people.c.resource_id == CLEO.resource_id)).one()
            for value in (ANA.resource_id, BEN.resource_id):
                row = {"resource_key": cleo, "kind": "person", "value": value}
                row |= {"workspace_key": at.scope.workspace_key, "granted_at": wall_clock()}
                connection.execute(insert(scopes), row)

        await at.store.write(permit)
        await forget(at, "everything")
        await certified(at)

        assert [row["value"] for row in await at.rows(scopes)] == [BEN.resource_id]
