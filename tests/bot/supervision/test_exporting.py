"""A person's own export: all that is hers, nothing of others, sent once."""

import io
import json
from typing import Any
from zipfile import ZipFile

import pytest
from sqlalchemy import Connection, insert, select, update

from bot.errors import PlatformUnreachable, PostUncertain
from bot.storage.tables import audit, facts, people, scopes, threads, usage
from bot.storage.turn_tables import jobs
from bot.supervision import own_export
from bot.supervision.own_rows import order_export
from tests.bot.supervision.paper import Office, direct, office, person, thread_in, wall_clock
from tests.bot.turns.events import edit_of

ANA, BEN = person("ana"), person("ben")


async def exported(at: Office, number: str = "1") -> tuple[dict[str, Any], str]:
    word = await at.store.write(order_export, at.scope, number, ANA.resource_id, direct(ANA), wall_clock())
    assert word
    at.serving.signals.say(word)
    (reply, *_) = await at.until(lambda: [one for one in at.posts(direct(ANA)) if one.files])
    await at.quiet()
    (file,) = reply.files
    assert file.media_type == "application/zip"
    with ZipFile(io.BytesIO(file.content)) as archive:
        assert sorted(archive.namelist()) == ["my-data.json", "my-data.md"]
        assert archive.testzip() is None
        return json.loads(archive.read("my-data.json")), archive.read("my-data.md").decode()


async def test_all_that_is_hers_is_in_it_and_nothing_of_others(url: str) -> None:
    shared, his = thread_in(), thread_in("general", "2")
    mine = [f"mine{number:04d}" for number in range(300)]
    others = [f"other{number:04d}" for number in range(100)]
    async with office(url) as at:
        for number, word in enumerate(mine[:200]):
            said = await at.say(ANA, f"in my own words {word}", shared if number % 3 else None)
            if number < 50:
                await at.tell(edit_of(said, f"in better words {word}", wall_clock()))
        await at.quiet()
        for number, word in enumerate(others[:80]):
            await at.say(BEN, f"his words {word}", (shared, his, None)[number % 3])
        await at.quiet()
        await at.say(ANA, f"in his conversation {mine[200]}", his)
        await at.quiet()

        def lay(connection: Connection) -> None:
            keys = {row.resource_id: row.key for row in connection.execute(select(people.c.key, people.c.resource_id))}
            now = wall_clock()
            rows = [(ANA, mine[201:], "hers"), (BEN, others[80:], "his")]
            for who, words, name in rows:
                row = {"workspace_key": at.scope.workspace_key, "resource_key": keys[who.resource_id]}
                row |= {"created_at": now, "updated_at": now}
                new = [row | {"id": f"{name} {one}", "text": f"likes {one}"} for one in words]
                connection.execute(insert(facts), new)
            named = {"title": "other title", "title_source": "person", "metadata_": {"of": "other notes"}}
            connection.execute(update(threads).where(threads.c.id == his.place_id).values(named))
            permitted = {"kind": "person", "value": "otherperson", "granted_at": now}
            connection.execute(
                insert(scopes),
                permitted | {"resource_key": keys[ANA.resource_id], "workspace_key": at.scope.workspace_key},
            )

        await at.store.write(lay)
        document, readable = await exported(at)

    text = json.dumps(document)
    assert [word for word in mine if word not in text] == []
    assert [word for word in mine if word not in readable] == []
    assert [word for word in (*others, "other title", "other notes", "otherperson") if word in text + readable] == []
    assert BEN.resource_id not in text + readable
    assert (document["format"], document["version"]) == (own_export.FORMAT, own_export.VERSION)
    assert len(document["facts"]) == len(mine[201:])
    assert {one["person"] for thread in document["conversations"] for one in thread["messages"]} == {
        ANA.resource_id,
        "another participant",
    }


async def test_it_tells_who_read_her_conversations_her_settings_and_what_she_cost(url: str) -> None:
    async with office(url) as at:
        await at.say(ANA, "words")
        await at.say(BEN, "words")
        await at.quiet()
        (hers,) = await at.rows(people, people.c.resource_id == ANA.resource_id)
        (his,) = await at.rows(people, people.c.resource_id == BEN.resource_id)

        def read(connection: Connection) -> None:
            row = {"workspace_key": at.scope.workspace_key, "actor_id": his["subject_id"], "actor_kind": "supervisor"}
            row |= {"subject_id": hers["subject_id"], "category": "quality", "note": "a secret note", "digest": ""}
            for number, (action, outcome) in enumerate((("open", "done"), ("list", "refused"))):
                new = row | {"seq": 900 + number, "action": action, "outcome": outcome, "at": wall_clock()}
                connection.execute(insert(audit), new)

        await at.store.write(read)
        document, readable = await exported(at)

        (reading,) = document["readings"]
        assert {name: reading[name] for name in ("by", "as", "action", "category")} == {
            "by": "Ben",
            "as": "supervisor",
            "action": "open",
            "category": "quality",
        }
        assert "a secret note" not in json.dumps(document) + readable
        assert (document["person"]["resource_id"], document["person"]["keeps"]) == (ANA.resource_id, True)
        paid = await at.rows(usage, usage.c.resource_key == hers["key"])
        assert [one["prompt_tokens"] for one in document["usage"]] == [one["prompt_tokens"] for one in paid]


async def test_one_is_made_at_a_time_and_another_afterwards(url: str) -> None:
    async with office(url) as at:
        await at.say(ANA, "words")
        await at.quiet()
        at.serving.worker.drain()
        words = [
            await at.store.write(order_export, at.scope, str(one), ANA.resource_id, direct(ANA), wall_clock())
            for one in range(3)
        ]
        assert words == ["job", "", ""]
        assert len(await at.rows(jobs, jobs.c.kind == "export")) == 1


async def test_of_whom_nothing_is_kept_nothing_is_exported(url: str) -> None:
    async with office(url) as at:
        asked = await at.store.write(order_export, at.scope, "1", ANA.resource_id, direct(ANA), wall_clock())
        assert asked is None


@pytest.mark.parametrize("error", [PlatformUnreachable(), PostUncertain()], ids=lambda error: type(error).__name__)
async def test_a_file_whose_sending_was_in_doubt_is_made_anew_and_sent_once(url: str, error: Exception) -> None:
    async with office(url) as at:
        await at.say(ANA, "words of hers")
        await at.quiet()
        at.paper.loses_next = error
        document, _readable = await exported(at)

        assert len([one for one in at.posts(direct(ANA)) if one.files]) == 1
        assert "words of hers" in json.dumps(document)
        assert [row["report"] for row in await at.rows(jobs, jobs.c.kind == "export")] == [None]


async def test_what_is_too_large_is_said_honestly(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_export, "EXPORT_BYTES", 100)
    async with office(url) as at:
        await at.say(ANA, "words")
        await at.quiet()
        word = await at.store.write(order_export, at.scope, "1", ANA.resource_id, direct(ANA), wall_clock())
        assert word
        at.serving.signals.say(word)
        await at.until(lambda: at.reports(direct(ANA), "Your export is too large"))


async def test_names_and_words_end_no_quotation_and_begin_no_heading(url: str) -> None:
    async with office(url) as at:
        await at.say(ANA, "# a heading\n\n</details><script>x</script>\n> no quotation")
        await at.quiet()
        document, readable = await exported(at)

        assert "\n# a heading" not in readable
        assert "<script>" not in readable
        (thread,) = document["conversations"]
        assert thread["messages"][0]["text"] == "# a heading\n\n</details><script>x</script>\n> no quotation"
