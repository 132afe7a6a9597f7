"""What becomes of imported records, on both engines."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot import Actor, Memory
from bot.errors import ImportFailed
from bot.importing.load import Loaded, load
from bot.importing.select import read_records

AT = "2026-01-01T00:00:{:02}Z"


def line(number: int, **more: Any) -> dict[str, Any]:
    role = "user" if number % 2 == 0 else "assistant"
    base = {"thread_id": "t1", "resource_id": "ada", "role": role, "created_at": AT.format(number)}
    return {**base, "text": f"Words {number}", "id": f"m{number}", **more}


@pytest.fixture
def imported(memory: Memory, tmp_path: Path) -> Any:
    async def run(*lines: dict[str, Any]) -> Loaded:
        path = tmp_path / "said.jsonl"
        path.write_text("\n".join(map(json.dumps, lines)))
        return await load(read_records(path, whole_channels=True), memory, lambda _loaded: None)

    return run


def view(memory: Memory, person: str = "ada") -> Any:
    return memory.as_actor(Actor.person(person))


async def test_a_conversation_keeps_who_where_and_when(memory: Memory, imported: Any) -> None:
    place = {"kind": "private", "name": "#tea"}
    await imported(
        line(0, title="Tea", place=place, name="Ada L."),
        line(1, metadata={"model": "small", "tokens": 3}),
        line(2, resource_id="bob", name="Bob"),
    )

    thread = await view(memory, "bob").get_thread_by_id("t1")
    messages = (await view(memory).recall("t1", per_page=None)).items

    assert (thread.resource_id, thread.participants) == ("ada", ("ada", "bob"))
    assert (thread.title, thread.place_kind, thread.place_name) == ("Tea", "private", "#tea")
    assert thread.created_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert thread.last_message_at == datetime(2026, 1, 1, 0, 0, 2, tzinfo=UTC)
    assert thread.message_count == 3
    assert [(one.id, one.seq, one.resource_id, one.outcome) for one in messages] == [
        ("m0", 1, "ada", ""),
        ("m1", 2, "ada", "answered"),
        ("m2", 3, "bob", ""),
    ]
    assert messages[1].metadata == {"model": "small", "tokens": 3}
    assert (await view(memory).read_context("t1", 0)).names == {"ada": "Ada L.", "bob": "Bob"}


async def test_what_is_imported_is_found(memory: Memory, imported: Any) -> None:
    await imported(line(0, text="Where do I buy a teapot?"), line(1))

    hits = await view(memory).search_messages("teapots")

    assert [hit.id for hit in hits.items] == ["m0"]


async def test_a_supervisor_of_the_workspace_reads_it(memory: Memory, imported: Any) -> None:
    await imported(line(0), line(1))

    supervisor = memory.as_actor(Actor.supervisor("boss", persons=["ada"], reason="test"))

    assert [one.text for one in (await supervisor.recall("t1", per_page=None)).items] == ["Words 0", "Words 1"]


async def test_the_first_question_names_what_has_no_title(memory: Memory, imported: Any) -> None:
    lines = [line(number, id=f"n{number}", role="assistant", created_at=AT.format(0)) for number in range(600)]

    await imported(*lines, line(600, created_at=AT.format(1), text="What is tea?"), line(602, created_at=AT.format(2)))

    assert (await view(memory).get_thread_by_id("t1")).title == "What is tea?"


async def test_a_title_that_a_person_gave_stays(memory: Memory, imported: Any) -> None:
    await imported(line(0))
    await view(memory).update_thread("t1", title="Mine")

    await imported(line(0), line(1), line(2, title="Theirs"))

    assert (await view(memory).get_thread_by_id("t1")).title == "Mine"


async def test_a_second_time_adds_nothing(memory: Memory, imported: Any) -> None:
    lines = [line(number, metadata={"n": number, "x": 1.5, "none": None}) for number in range(6)]

    first = await imported(*lines)
    before = await view(memory).recall("t1", per_page=None)
    second = await imported(*lines)

    assert (first.added, first.known, first.threads, first.people) == (6, 0, {"t1"}, {"ada"})
    assert (second.added, second.corrected, second.known, second.threads) == (0, 0, 6, set())
    assert await view(memory).recall("t1", per_page=None) == before


async def test_what_comes_later_is_added(memory: Memory, imported: Any) -> None:
    await imported(line(0), line(1))

    loaded = await imported(line(0), line(1), line(2), line(3))

    assert (loaded.added, loaded.known) == (2, 2)
    assert [one.seq for one in (await view(memory).recall("t1", per_page=None)).items] == [1, 2, 3, 4]
    assert (await view(memory).get_thread_by_id("t1")).message_count == 4


async def test_a_corrected_text_replaces_the_old_one(memory: Memory, imported: Any) -> None:
    await imported(line(0), line(1))

    loaded = await imported(line(0, text="Better words about coffee"), line(1))

    assert (loaded.added, loaded.corrected, loaded.known) == (0, 1, 1)
    messages = (await view(memory).recall("t1", per_page=None)).items
    assert [one.text for one in messages] == ["Better words about coffee", "Words 1"]
    assert [hit.id for hit in (await view(memory).search_messages("coffee")).items] == ["m0"]


async def test_an_id_that_comes_twice_in_a_file_is_one_message(memory: Memory, imported: Any) -> None:
    loaded = await imported(line(0), line(1), line(0), line(1, text="Corrected"))

    assert (loaded.added, loaded.corrected, loaded.known) == (2, 1, 1)
    assert [one.text for one in (await view(memory).recall("t1", per_page=None)).items] == ["Words 0", "Corrected"]


async def test_many_messages_take_several_batches(memory: Memory, imported: Any) -> None:
    lines = [line(0, thread_id=f"t{number % 3}", id=f"n{number}", text=f"Words {number}") for number in range(1_234)]

    loaded = await imported(*lines)

    assert (loaded.added, len(loaded.threads)) == (1_234, 3)
    said = (await view(memory).recall("t1", per_page=None)).items
    assert [one.text for one in said] == [f"Words {number}" for number in range(1, 1_234, 3)]


@pytest.mark.parametrize(
    "other",
    [{"thread_id": "t2"}, {"resource_id": "bob"}, {"role": "assistant"}],
    ids=["conversation", "person", "role"],
)
async def test_an_id_that_is_another_messages_is_refused(memory: Memory, imported: Any, other: dict[str, Any]) -> None:
    await imported(line(0, place={"kind": "public"}))

    with pytest.raises(ImportFailed, match=r"^line 2: its id is another message's"):
        await imported(line(2, place={"kind": "public"}), line(0, place={"kind": "public"}, **other))

    assert [one.id for one in (await view(memory).recall("t1", per_page=None)).items] == ["m0"]


async def test_nobody_gets_words_into_somebody_elses_direct_conversation(memory: Memory, imported: Any) -> None:
    await view(memory).create_thread("ada", "t1")

    with pytest.raises(ImportFailed, match=r"^line 1: .*somebody else's"):
        await imported(line(0, resource_id="bob"))

    assert (await view(memory).get_thread_by_id("t1")).participants == ("ada",)


async def test_in_a_shared_place_the_conversation_keeps_its_owner(memory: Memory, imported: Any) -> None:
    await view(memory).create_thread("ada", "t1", place_kind="public")

    await imported(line(0, resource_id="bob", place={"kind": "public"}))

    thread = await view(memory).get_thread_by_id("t1")
    assert (thread.resource_id, set(thread.participants)) == ("ada", {"ada", "bob"})


async def test_a_known_name_stays(memory: Memory, imported: Any) -> None:
    await imported(line(0, name="Ada"))

    await imported(line(2, name="Old name of Ada"))

    assert (await view(memory).read_context("t1", 0)).names == {"ada": "Ada"}


async def test_only_the_program_imports(memory: Memory) -> None:
    from bot.errors import NotAllowed
    from bot.memory.import_rows import ImportBatch

    with pytest.raises(NotAllowed):
        await view(memory).import_batch(ImportBatch((), (), {}, {}))
