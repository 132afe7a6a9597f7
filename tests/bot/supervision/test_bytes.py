"""Forgetting, down to the bytes: a thousand canaries of one person, with other people's words beside them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Connection, insert, select, text, update

from bot.access.scope import Scope
from bot.chat import Attachment, Feedback, PersonRef
from bot.storage.tables import (
    condensations,
    erasures,
    fact_sources,
    facts,
    messages,
    people,
    roles,
    scopes,
    threads,
    vectors,
)
from bot.storage.turn_tables import places, posts, turns
from bot.supervision.erasure_rows import Wanted, begin_erasure
from bot.turns.held_rows import hold_message
from bot.turns.job_rows import NewJob, queue_job
from tests.bot.supervision.paper import Office, direct, office, person, thread_in, wall_clock
from tests.bot.turns.events import edit_of, message
from tests.engines import Postgres

#: Long enough for the whole load; what it says of time is tested elsewhere.
SECONDS = 120


def canary(stem: str, number: int) -> str:
    return f"{stem}{number:05d}"


async def load(at: Office, who: PersonRef, stem: str, company: tuple[PersonRef, PersonRef], rounds: int) -> int:
    """A life of one person, each thing in it with a word of its own; how many words these are."""
    numbers = iter(range(100_000))

    def word() -> str:
        return canary(stem, next(numbers))

    shared = thread_in()
    first = await at.say(who, f"{word()} is what the title is made of", thread_in("general", "2"))
    await at.say(company[0], "who will help me", shared)
    await at.say(company[1], "and me", shared)
    for number in range(rounds):
        said = [await at.say(who, f"in my own words {word()}", attachments=(_file(word()),)) for _ in range(6)]
        said += [await at.say(who, f"before others {word()} {'and more ' * number}", shared) for _ in range(4)]
        await at.say(company[number % 2], f"beside it {number}", shared)
        await at.tell(edit_of(said[0], f"better words {word()}", wall_clock()))
        if number % 10 == 0:
            await at.quiet(SECONDS)
    early = message(f"comes later {word()}", f"early {stem}", who=who, where=direct(who))
    await at.tell(edit_of(early, f"too early {word()}", wall_clock()))
    await at.say(who, word() * 200_000)  # too long: a notice
    await at.quiet(SECONDS)
    await at.say(who, f"{'longer than a page ' * 900}{word()}")
    await at.quiet(SECONDS)
    await _rate(at, who)
    await at.store.write(_lay, at.scope.workspace_key, who, [word() for _ in range(300)], first.place.place_id)
    return next(numbers)


def _file(name: str) -> Attachment:
    return Attachment(f"{name}.pdf", "application/pdf", 10, f"reference {name}")


async def _rate(at: Office, who: PersonRef) -> None:
    (place,) = await at.rows(places, places.c.id == direct(who).place_id)
    (turn, *_) = await at.rows(turns, turns.c.place_key == place["key"], turns.c.answer_key.is_not(None))
    (post, *_) = await at.rows(posts, posts.c.turn_key == turn["key"])
    rated = Feedback(delivery_id=str(uuid4()), person=who, place=direct(who), post_id=post["post_id"], value="good")
    await at.tell(rated)


def _lay(connection: Connection, workspace: int, who: PersonRef, words: list[str], place_id: str) -> None:
    """What no event brings about yet: facts, vectors, condensations, what waits, tasks, a title of her own."""
    key = connection.execute(select(people.c.key).where(people.c.resource_id == who.resource_id)).scalar_one()
    now = wall_clock()
    mine = connection.execute(
        select(messages.c.key, messages.c.thread_key).where(messages.c.resource_key == key).limit(100)
    ).all()
    for row, word in zip(mine, words[:100], strict=False):
        connection.execute(
            insert(vectors), {"message_key": row.key, "model": "m", "dimensions": 2, "vector": word.encode()}
        )
    for number, word in enumerate(words[100:200]):
        fact = connection.execute(
            insert(facts).returning(facts.c.key),
            {
                "workspace_key": workspace,
                "resource_key": key,
                "id": f"fact {word}",
                "text": f"likes {word}",
                "created_at": now,
                "updated_at": now,
            },
        ).scalar_one()
        if number % 2:
            connection.execute(insert(fact_sources), {"fact_key": fact, "message_key": mine[number % len(mine)].key})
    condensed = {"thread_key": mine[0].thread_key, "up_to_seq": 9, "text": words[200], "model": "m", "created_at": now}
    connection.execute(insert(condensations), condensed)
    waiting = message(words[201], f"held {words[201]}", who=who, where=direct(who))
    hold_message(connection, Scope("system", workspace, ()), key, waiting, now)
    place = connection.execute(select(places.c.key).where(places.c.id == direct(who).place_id)).scalar_one()
    for word in words[202:260]:
        new = NewJob(f"task {word}", "notice", {"about": word}, workspace, key, place, report=f"about {word}")
        queue_job(connection, new, now)
    titled = update(threads).where(threads.c.id == place_id)
    connection.execute(titled.values(title=words[260], title_source="person", metadata_={"of": words[261]}))
    role = {"resource_key": key, "role": "admin", "source": "granted", "workspace_key": workspace, "granted_at": now}
    connection.execute(insert(roles), role)
    scope = {"resource_key": key, "kind": "channel", "value": words[262], "workspace_key": workspace, "granted_at": now}
    connection.execute(insert(scopes), scope)


def _names_her(connection: Connection, workspace: int, supervisor: PersonRef, who: PersonRef) -> None:
    key = connection.execute(select(people.c.key).where(people.c.resource_id == supervisor.resource_id)).scalar_one()
    row = {"resource_key": key, "kind": "person", "value": who.resource_id, "workspace_key": workspace}
    connection.execute(insert(scopes), row | {"granted_at": wall_clock()})


class Files:
    """All files that the bot's database writes, as bytes."""

    def __init__(self, url: str, folder: Path, postgres: Postgres | None) -> None:
        self._url = url
        self._postgres = postgres
        self._folder = folder if postgres is None else self._data_folder(postgres)

    def _data_folder(self, server: Postgres) -> Path:
        with psycopg.connect(server.uri) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
        assert row is not None
        return Path(row[0])

    def _all(self) -> Iterator[tuple[str, bytes]]:
        if self._postgres is not None:
            with psycopg.connect(self._postgres.uri, autocommit=True) as connection:
                connection.execute("CHECKPOINT")
        for folder, _folders, names in os.walk(self._folder):
            if "pg_wal" not in folder:  # the certificate says so
                for name in names:
                    try:
                        yield f"{folder}/{name}", (Path(folder) / name).read_bytes()
                    except OSError:
                        continue

    def count(self, word: str) -> int:
        """How often a word stands in them, in whatever case."""
        return sum(content.lower().count(word.encode()) for _name, content in self._all())

    def around(self, word: str) -> list[tuple[str, bytes]]:
        """In which of them a word stands, and what stands around it."""
        found = []
        for name, content in self._all():
            at = content.lower().find(word.encode())
            if at >= 0:
                found.append((name, content[max(0, at - 100) : at + 100]))
        return found


@pytest.fixture
def files(url: str, engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Files:
    return Files(url, tmp_path, None if engine == "sqlite" else request.getfixturevalue("postgres"))


async def test_a_thousand_canaries_of_a_person_are_gone_from_all_files(
    url: str, files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    stem, beside = f"k{uuid4().hex[:10]}", f"b{uuid4().hex[:10]}"
    ana, ben, cleo = person(f"{stem}id", f"{stem}name"), person(f"{beside}id"), person("cleo")
    async with office(url) as at:
        number = await load(at, ana, stem, (ben, cleo), 45)
        await load(at, ben, beside, (cleo, cleo), 15)
        await at.store.write(_names_her, at.scope.workspace_key, cleo, ana)
        if at.store.shared:
            await _analyze(url)
        assert number >= 1_000
        assert files.count(stem) >= number
        key = (await at.rows(people, people.c.resource_id == ana.resource_id))[0]["key"]
        kept = await at.store.read(_kept_rows, key)

        begun = await at.store.write(
            begin_erasure, at.scope, Wanted("e1", ana.resource_id, "everything"), direct(ana), wall_clock()
        )
        assert begun is not None
        for said in begun.words:
            at.serving.signals.say(said)
        (certificate,) = await at.until(lambda: at.reports(direct(ana), "**Certificate"), SECONDS)
        await at.quiet(SECONDS)

        assert files.around(stem) == []
        (row,) = await at.rows(erasures)
        assert row["scrubbed_at"] is not None
        assert row["counts"]["after"] == {}
        assert "0 left." in certificate.text
        after = await at.store.read(_kept_rows, key)
        # A conversation that she began, and in which another was, is his now.
        assert set(after.pop("threads")) - set(kept.pop("threads")) == {"('general/2', '')"}
        assert after == kept
        assert all(files.count(canary(beside, number)) for number in (5, 150, 400))
    assert stem not in "".join(capfd.readouterr()).lower()


async def _analyze(url: str) -> None:
    """Statistics hold the commonest values of columns: people's words, too."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")


def _kept_rows(connection: Connection, key: int) -> dict[str, Any]:
    """What others have, row by row, but for the marks that an erasure leaves on it."""
    statements = {
        "messages": "SELECT id, seq, role, text, sent_at, thread_key FROM messages WHERE resource_key <> :key",
        "facts": "SELECT id, text FROM facts WHERE resource_key <> :key",
        "usage": "SELECT key, at, prompt_tokens FROM usage WHERE resource_key <> :key",
        "turns": "SELECT id, state FROM turns WHERE resource_key <> :key",
        "posts": "SELECT p.value, p.state FROM posts p JOIN turns t ON t.key = p.turn_key WHERE t.resource_key <> :key",
        "participants": "SELECT thread_key, resource_key FROM participants WHERE resource_key <> :key",
        "people": "SELECT key, resource_id, name FROM people WHERE key <> :key",
        "feedback": "SELECT message_key, value FROM feedback WHERE resource_key <> :key",
        "roles": "SELECT role, source FROM roles WHERE resource_key <> :key",
        "held": "SELECT utterance_id FROM held WHERE resource_key <> :key",
        "vectors": "SELECT v.vector FROM vectors v, messages m WHERE m.key = v.message_key AND m.resource_key <> :key",
        "threads": "SELECT id, title FROM threads WHERE owner_key <> :key AND message_count > 0",
        "pending_changes": "SELECT utterance_id, text FROM pending_changes WHERE utterance_id LIKE 'early b%'",
    }
    found = {}
    for name, statement in statements.items():
        rows = [tuple(row) for row in connection.execute(text(statement), {"key": key} if ":key" in statement else {})]
        assert rows, name
        found[name] = sorted(map(str, rows))
    return found
