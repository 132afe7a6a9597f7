"""Search: the same hits in the same order from both engines, of what the actor may read and of nothing else."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import MessageChange
from bot.memory import search_rows
from bot.memory.view import MemoryView
from tests.bot.memory.stage import Stage, ids, minute, said, texts

FUZZ = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

_WORDS = """invoice invoices billing bill payment payments-intent password reset Café cafe CAFÉ naïve résumé Straße
STRASSE ada@example.com grace.hopper+navy@example.org https://example.com/a?b=c#d useState useEffect foo_bar snake_case
def return async await C++ C# R&D .NET 4,000 3.14 2024-03-01 v1.2.3 don't Ada's 日本語 検索 東京都 日本 한국어 검색 ไทย
ภาษา привет Мир שלום مرحبا العالم 😀 👩‍🚀 the and of a to is not error timeout customer.created running runs ran
tokenchars "quoted" 'single' back\\slash %percent _under = =t1 =t2 AND OR NOT NEAR ( ) * : ^ -"""
WORDS = _WORDS.split()
QUERIES = [
    *WORDS,
    "billing invoice",
    "日本 検索",
    "café résumé straße",
    "not error",
    "the",
    "a of the",
    "useState return",
]
TEXTS = st.lists(st.sampled_from(WORDS) | st.text(max_size=12), max_size=14).map(" ".join)


async def _fill(stage: Stage, corpus: Sequence[tuple[str, str, str]]) -> None:
    """Save texts, each of a person in a thread of hers."""
    for owner, thread_id in dict.fromkeys((owner, thread_id) for owner, thread_id, _ in corpus):
        await stage.person(owner).create_thread(owner, thread_id)
    await stage.system.save_messages(
        [
            said(thread_id, owner, text, id=f"s{number}", created_at=minute(number // 3))
            for number, (owner, thread_id, text) in enumerate(corpus)
        ]
    )


def _corpus(seed: int, size: int) -> list[tuple[str, str, str]]:
    chance = random.Random(seed)
    people = [("ada", "a1"), ("ada", "a2"), ("bob", "b1"), ("bob", "b2"), ("carol", "c1")]
    return [(*chance.choice(people), " ".join(chance.choices(WORDS, k=chance.randint(1, 25)))) for _ in range(size)]


async def _answers(stage: Stage, queries: Sequence[str]) -> list[list[str]]:
    found = []
    for query in queries:
        for view in (stage.person("ada"), stage.system, stage.supervisor("ada", "carol")):
            page = await view.search_messages(query, per_page=None)
            assert len(page.items) == page.total
            found.append(ids(page))
        found.append(ids(await stage.system.search_messages(query, "bob", start=minute(3), end=minute(40))))
        found.append(ids(await stage.system.recall(["a1", "b1"], search=query, per_page=7)))
    return found


async def test_both_engines_find_the_same_in_the_same_order(both: tuple[Stage, Stage]) -> None:
    for stage in both:
        await _fill(stage, _corpus(7, 200))

    on_sqlite, on_postgresql = [await _answers(stage, QUERIES) for stage in both]

    assert on_sqlite == on_postgresql
    assert sum(map(bool, on_sqlite)) > len(on_sqlite) / 2, "most queries find something"


@FUZZ
@given(found=st.lists(TEXTS, min_size=1, max_size=6), queries=st.lists(TEXTS.filter(str.strip), min_size=1, max_size=3))
async def test_both_engines_agree_on_any_text_and_any_query(
    both: tuple[Stage, Stage], found: list[str], queries: list[str]
) -> None:
    seen = []
    for stage in both:
        prefix = stage.clock().isoformat()
        ada = stage.person(prefix)
        await ada.create_thread(prefix, prefix)
        await ada.save_messages([said(prefix, prefix, text, id=f"{prefix}{n}") for n, text in enumerate(found)])
        pages = [
            await ada.search_messages(query[:1_000]) for query in [*queries, *(one for one in found if one.strip())]
        ]
        seen.append([texts(page) for page in pages])

    assert seen[0] == seen[1]


async def _search(view: MemoryView) -> list[list[str]]:
    return [ids(await view.search_messages(query, per_page=None)) for query in QUERIES]


async def test_other_people_s_messages_change_no_result_and_no_order(both: tuple[Stage, Stage]) -> None:
    """Two runs that differ only in what ada cannot read: how common a word is to others moves nothing of hers."""
    for stage in both:
        await _fill(stage, _corpus(11, 120))
        ada = stage.person("ada")
        before = await _search(ada)

        others = (await stage.system.list_messages_by_resource_id("bob", per_page=None)).items
        await stage.bob.update_messages([MessageChange(one.id, text="invoice " * 30 + "Café") for one in others])
        await stage.carol.save_messages([said("c1", "carol", "billing the 日本語 検索 " * 20) for _ in range(60)])
        await stage.carol.create_thread("carol", "c2")
        await stage.carol.save_messages([said("c2", "carol", "useState error timeout customer.created")])
        changed = await _search(ada)
        await stage.carol.delete_thread("c1")
        await stage.bob.delete_thread("b1")
        deleted = await _search(ada)

        assert before == changed == deleted


async def test_many_threads_are_searched_like_few(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """With many threads the engine filters what it found; with few it looks up only what is in scope."""
    await _fill(stage, _corpus(3, 80))
    looked_up = await _answers(stage, QUERIES[::5])

    monkeypatch.setattr(search_rows, "_THREADS_NAMED", 0)
    filtered = await _answers(stage, QUERIES[::5])

    assert filtered == looked_up


async def test_search_follows_edits(stage: Stage) -> None:
    await stage.bob.save_messages([said("t2", "bob", "zebra crossing", id="z"), said("t2", "bob", "zebra", id="y")])

    await stage.bob.save_messages([said("t2", "bob", "elephant crossing", id="z")])
    await stage.bob.update_messages([MessageChange("y", text="giraffe"), MessageChange("m1", metadata={"k": 1})])

    found = {
        query: ids(await stage.bob.search_messages(query)) for query in ("zebra", "elephant", "giraffe", "crossing")
    }
    assert found == {"zebra": [], "elephant": ["z"], "giraffe": ["y"], "crossing": ["z"]}
    assert ids(await stage.bob.recall("t2", search="elephant")) == ["z"]
    assert "m1" in ids(await stage.bob.search_messages("message 1"))


async def test_search_follows_deletions_and_transfers(stage: Stage) -> None:
    await stage.bob.save_messages([said(thread, "bob", f"zebra {thread}", id=thread) for thread in ("t2", "t3")])

    await stage.bob.delete_messages(["t2"])
    assert ids(await stage.bob.search_messages("zebra")) == ["t3"]
    await stage.system.transfer_thread("t3", "dave")

    assert (await stage.bob.search_messages("zebra")).total == 0
    assert ids(await stage.person("dave").search_messages("zebra")) == ["t3"]
    assert ids(await stage.person("dave").search_messages("zebra", "dave")) == ["t3"]
    await stage.person("dave").delete_thread("t3")
    assert (await stage.system.search_messages("zebra")).total == 0


async def test_a_participant_finds_the_thread_s_words_from_when_she_joins(stage: Stage) -> None:
    before = await stage.carol.search_messages("message 7")
    await stage.system.add_participant("t1", "carol")

    after = await stage.carol.search_messages("message 7")

    assert {one.resource_id for one in before.items} == {"carol"}
    assert after.items[0].id == "m7"
    assert {one.resource_id for one in (await stage.carol.search_messages("message", "carol")).items} == {"carol"}
    assert {one.resource_id for one in (await stage.carol.search_messages("message", "bob")).items} == {"bob"}
    assert (await stage.bob.search_messages("carol")).total == 0


async def test_a_search_inside_a_thread_stays_inside_it(stage: Stage) -> None:
    await stage.bob.save_messages([said("t2", "bob", "message 7 elsewhere", id="elsewhere")])

    page = await stage.bob.recall("t1", search="message 7", per_page=3)

    assert "m7" in ids(page)
    assert {one.thread_id for one in page.items} == {"t1"}
    assert (page.total, page.has_more) == (25, True)
    assert list(page.items) == sorted(page.items, key=lambda one: one.created_at)
    assert ids(await stage.bob.recall("t1", search="elsewhere")) == []
    assert (await stage.carol.recall("t1", search="message")).items == ()
    within = await stage.bob.recall("t1", search="message", per_page=None, start=minute(5), metadata={"k": "five"})
    assert ids(within) == ["m5", "m10", "m15", "m20", "m25"]


async def test_a_query_of_signs_alone_finds_nothing(stage: Stage) -> None:
    for query in ("?!", "=t1", '"', "'", "* OR *", "()", "😀", "\\", "\0", "\ud800", ":-"):
        page = await stage.bob.search_messages(query)
        assert (page.items, page.total) == ((), 0)
