"""Values come back as they were, the same on both engines; what cannot be stored is refused by the name we gave it."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import Actor, Memory, MessageChange
from bot.errors import InvalidArgument, NotFound
from bot.memory.boundary import Boundary
from bot.memory.clean import clean_text, clean_value
from bot.memory.values import Include
from tests.bot.memory.stage import START, Stage, ids, minute, refused, said, texts

FUZZ = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.sampled_from(
        [2**53, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**300, -0.0, 1e16, 1.7976931348623157e308, 5e-324]
    )
    | st.floats(allow_nan=False, allow_infinity=False)
    | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)
METADATA = st.dictionaries(ANY_TEXT, JSON_VALUES, max_size=5)


@FUZZ
@given(found=ANY_TEXT)
async def test_any_text_comes_back_clean_and_alike_from_both_engines(both: tuple[Stage, Stage], found: str) -> None:
    for stage in both:
        thread = await stage.bob.create_thread("bob", title=found[:50])
        (saved,) = await stage.bob.save_messages([said(thread.id, "bob", found)])
        (read,) = (await stage.bob.recall(thread.id)).items

        assert read == saved
        assert read.text == clean_text(found)
        assert thread.title == clean_text(found[:50])


@FUZZ
@given(metadata=METADATA)
async def test_any_metadata_comes_back_equal_and_alike_from_both_engines(
    both: tuple[Stage, Stage], metadata: dict[str, Any]
) -> None:
    written = []
    for stage in both:
        thread = await stage.bob.create_thread("bob", metadata=metadata)
        (saved,) = await stage.bob.save_messages([said(thread.id, "bob", "x", metadata=metadata)])
        (read,) = (await stage.bob.recall(thread.id)).items
        (merged,) = await stage.bob.update_messages([MessageChange(saved.id, metadata=metadata)])

        assert dict(saved.metadata) == dict(read.metadata) == dict(merged.metadata) == clean_value(metadata)
        assert thread.metadata == (await stage.bob.update_thread(thread.id, metadata=metadata)).metadata
        written.append(json.dumps([thread.metadata, read.metadata], sort_keys=True))

    assert written[0] == written[1], "types too: 1 is not 1.0"


@FUZZ
@given(
    value=st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | ANY_TEXT
)
async def test_any_scalar_is_found_again_by_a_filter(both: tuple[Stage, Stage], value: Any) -> None:
    for stage in both:
        thread = await stage.bob.create_thread("bob", metadata={"k": value, "other": "x"})
        await stage.bob.save_messages([said(thread.id, "bob", "x", metadata={"k": value})])
        await stage.bob.save_messages([said(thread.id, "bob", "x", metadata={"k": [value], "x": value})])

        assert (await stage.bob.recall(thread.id, metadata={"k": value})).total == 1
        assert thread.id in ids(await stage.bob.list_threads({"metadata": {"k": value, "other": "x"}}, per_page=None))


async def test_a_megabyte_of_anything_comes_back(memory: Memory) -> None:
    bob = memory.as_actor(Actor.person("bob"))
    await bob.create_thread("bob", "t")
    long = ["a" * 1_048_576, "\u2028" * 349_525, "e\u0301" * 349_525, "\0" * 349_525, "word " * 209_715]

    saved = await bob.save_messages([said("t", "bob", text) for text in long])

    assert texts(await bob.recall("t")) == [one.text for one in saved] == [clean_text(text) for text in long]
    for text in ("a" * 1_048_577, "Ω" * 524_289, "\0" * 349_526):
        assert (await refused(bob.save_messages([said("t", "bob", text)]))).parameter == "text"
        assert (await refused(bob.update_messages([MessageChange(saved[0].id, text=text)]))).parameter == "text"


STRANGE = ("Z͑ͫ̓a̡͊l͠go", "\u202eright to left", "👩‍👩‍👧‍👦🏳️‍🌈", "line\u2028end\u2029", "\ufeffbom", "ﷺ", "\x01\x1f\x7f")
QUOTED = ("\r\n\r", " ", "%s %(a)s :b {c} ' \" \\", "'; DROP TABLE messages; --")


async def test_strange_text_is_kept_as_it_came(memory: Memory) -> None:
    bob = memory.as_actor(Actor.person("bob"))
    for text in (*STRANGE, *QUOTED):
        thread = await bob.create_thread("bob", title=text, metadata={text: text})

        await bob.save_messages([said(thread.id, "bob", text, metadata={text: [text]})])

        (message,) = (await bob.recall(thread.id)).items
        assert (message.text, message.metadata) == (text, {text: [text]})
        assert (thread.title, thread.metadata) == (text, {text: text})


IDS = st.text(st.characters(), min_size=1, max_size=20).filter(lambda one: bool(one.strip()) and one.isprintable())


@FUZZ
@given(name=IDS, other=IDS)
async def test_ids_that_differ_in_any_character_name_different_things(
    both: tuple[Stage, Stage], name: str, other: str
) -> None:
    for stage in both:
        owner = stage.person(f"{stage.clock().isoformat()} {name}"[:400])
        prefix = stage.clock().isoformat()
        made = await owner.create_thread(owner.actor.id, f"{prefix}{name}")
        await owner.save_messages([said(made.id, owner.actor.id, name, id=f"{prefix}m{name}")])

        assert await owner.get_thread_by_id(made.id) is not None
        assert ids(await owner.list_threads()) == [made.id]
        for variant in {name.upper(), name.casefold(), name + " ", other, "%", "_"} - {name}:
            assert await owner.get_thread_by_id(f"{prefix}{variant}") is None
            assert await stage.person(f"{owner.actor.id}{variant}").get_thread_by_id(made.id) is None


async def test_the_longest_ids_are_stored_and_longer_ones_refused(memory: Memory) -> None:
    # 512 different characters of four bytes: nothing that an index could compress.
    long = "".join(chr(0x20000 + number) for number in range(512))
    bob = memory.as_actor(Actor.person(long))

    await bob.create_thread(long, long, place_name="x" * 200)
    (saved,) = await bob.save_messages([said(long, long, "x", id=long)])

    assert (await bob.recall(long, long)).items == (saved,)
    for act, parameter in (
        (bob.create_thread(long, long + "x"), "thread_id"),
        (bob.recall(long + "x"), "thread_id"),
        (bob.save_messages([said(long, long, "x", id=long + "x")]), "id"),
    ):
        assert (await refused(act)).parameter == parameter


NO_IDS: list[Any] = ["a\0b", "a\nb", "\ud800", "a\u200bb", "a\u202eb", "\x7f", b"bytes", 7, 1.5, True, ["t1"]]


async def test_what_can_be_no_id_is_refused_by_its_name(stage: Stage) -> None:
    for bad in NO_IDS:
        acts: list[tuple[str, Awaitable[object]]] = [
            ("thread_id", stage.bob.get_thread_by_id(bad)),
            ("resource_id", stage.bob.get_thread_by_id("t1", bad)),
            ("thread_id", stage.bob.create_thread("bob", bad)),
            ("resource_id", stage.system.create_thread(bad)),
            ("new_thread_id", stage.bob.clone_thread("t1", bad)),
            ("message_ids", stage.bob.clone_thread("t1", message_ids=[bad])),
            ("thread_id", stage.bob.save_messages([said(bad, "bob", "x")])),
            ("resource_id", stage.bob.save_messages([said("t1", bad, "x")])),
            ("id", stage.bob.save_messages([said("t1", "bob", "x", id=bad)])),
            ("id", stage.bob.update_messages([MessageChange(bad, text="x")])),
            ("ids", stage.bob.delete_messages([bad])),
            ("include", stage.bob.recall("t1", include=[Include(bad)])),
            ("resource_id", stage.bob.search_messages("x", bad)),
        ]

        for parameter, act in acts:
            assert (await refused(act)).parameter == parameter
        with pytest.raises(InvalidArgument):
            Actor.person(bad)


NOT_JSON: dict[str, Any] = {
    "a number as key": {1: "x"},
    "a set": {"k": {1}},
    "bytes": {"k": b"x"},
    "a decimal": {"k": Decimal("0.1")},
    "a time": {"k": START},
    "not a number": {"k": float("nan")},
    "infinity": {"k": [float("inf")]},
    "5,000 digits": {"k": 10**5000},
    "no mapping": [("k", 1)],
    "a text": "k",
    "nothing": 0,
    "too large": {"k": "x" * 65_536},
}


def _nested(levels: int, kind: Callable[[Any], Any]) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = kind(value)
    return {"k": value}


async def test_metadata_that_is_not_json_is_refused(stage: Stage) -> None:
    circular: dict[str, Any] = {}
    circular["k"] = circular
    deep = [_nested(levels, kind) for levels in (64, 5_000) for kind in (lambda v: [v], lambda v: {"k": v})]

    for metadata in (*NOT_JSON.values(), circular, *deep):
        acts = [
            stage.bob.create_thread("bob", metadata=metadata),
            stage.bob.update_thread("t1", metadata=metadata),
            stage.bob.save_messages([said("t1", "bob", "x", metadata=metadata)]),
            stage.bob.update_messages([MessageChange("m1", metadata=metadata)]),
        ]
        assert {(await refused(act)).parameter for act in acts} == {"metadata"}


async def test_metadata_may_be_deep_and_its_inner_keys_numbers(stage: Stage) -> None:
    deep = _nested(63, lambda value: [value])

    (saved,) = await stage.bob.save_messages(
        [said("t2", "bob", "x", metadata={**deep, "map": {1: ("a", 2), None: True}})]
    )

    assert saved.metadata == {**deep, "map": {"1": ["a", 2], "null": True}}
    assert (await stage.bob.recall("t2")).items == (saved,)


async def test_filters_take_finite_scalars_of_plain_names_and_not_too_many(stage: Stage) -> None:
    values = [float("nan"), float("inf"), -float("inf"), Decimal(1), b"x", START, {}, [], (1,), {1}, 10**5000, object()]
    names = ["", "k k", "k'", 'k"', "k\n", "k\0", "$", "k[0]", "k->x", "1k", "ключ", "k" * 129, None, 1]
    wrong: list[Any] = [{"k": value} for value in values] + [{name: 1} for name in names]
    wrong += [{f"k{number}": 1 for number in range(17)}, "k", 5, [("k", 1)]]

    for metadata in wrong:
        for act in (
            stage.bob.list_threads({"metadata": metadata}),
            stage.bob.recall("t1", metadata=metadata),
            stage.bob.list_messages_by_resource_id("bob", metadata=metadata),
            stage.bob.search_messages("x", metadata=metadata),
        ):
            assert (await refused(act)).parameter == "metadata"

    many = {f"k.{number}-x": 1 for number in range(16)}
    assert (await stage.bob.recall("t1", metadata=many)).total == 0


async def test_a_list_filter_is_a_mapping_of_two_names(stage: Stage) -> None:
    for wrong in ({"owner": "bob"}, {1: 2}, "bob", [("resource_id", "bob")], 5):
        assert (await refused(stage.bob.list_threads(wrong))).parameter == "filter"  # type: ignore[arg-type]


class Zoneless(tzinfo):
    """A zone that does not know its offset, which makes a time a naive one."""

    def utcoffset(self, _moment: datetime | None) -> timedelta | None:
        return None

    dst = utcoffset

    def tzname(self, _moment: datetime | None) -> str | None:
        return None


async def test_times_have_a_zone_and_lie_within_the_calendar(stage: Stage) -> None:
    east, west = timezone(timedelta(hours=14)), timezone(-timedelta(hours=12))
    wrong = [
        START.replace(tzinfo=None),
        START.replace(tzinfo=Zoneless()),
        datetime.min.replace(tzinfo=east),
        datetime.max.replace(tzinfo=west),
        START.date(),
        START.isoformat(),
        0,
    ]

    for moment in wrong:
        acts: list[tuple[str, Awaitable[object]]] = [
            ("created_at", stage.bob.save_messages([said("t1", "bob", "x", created_at=moment)])),
            ("start", stage.bob.recall("t1", start=moment)),  # type: ignore[arg-type]
            ("end", stage.bob.search_messages("x", end=moment)),  # type: ignore[arg-type]
            ("end", stage.bob.list_messages_by_resource_id("bob", end=moment)),  # type: ignore[arg-type]
            ("start", stage.bob.clone_thread("t1", start=moment)),  # type: ignore[arg-type]
            ("created_at", stage.bob.open_turn("t1", "x", created_at=moment)),  # type: ignore[arg-type]
        ]
        for parameter, act in acts:
            assert (await refused(act)).parameter == parameter


@FUZZ
@given(
    moment=st.datetimes(
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(hours=11))])
    ).filter(lambda one: 1 < one.year < 9999)
)
async def test_any_time_comes_back_to_the_microsecond(both: tuple[Stage, Stage], moment: datetime) -> None:
    for stage in both:
        thread = await stage.bob.create_thread("bob")

        (saved,) = await stage.bob.save_messages([said(thread.id, "bob", "x", created_at=moment)])

        page = await stage.bob.recall(thread.id, start=moment, end=moment)
        assert page.items == (saved,)
        assert (saved.created_at, saved.created_at.tzinfo) == (moment, UTC)
        assert (await stage.bob.recall(thread.id, start=moment, start_exclusive=True)).total == 0
        await stage.bob.move_window_boundary(thread.id, Boundary(moment))
        assert await stage.bob.window_boundary(thread.id) == Boundary(moment)


async def test_the_first_and_the_last_moment_can_be_stored(stage: Stage) -> None:
    ends = [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]

    await stage.bob.save_messages([said("t2", "bob", "x", created_at=moment) for moment in ends])
    await stage.bob.save_messages([said("t2", "bob", "newest")])

    assert [one.created_at for one in (await stage.bob.recall("t2")).items] == [*ends, ends[1]]


async def test_no_number_reaches_a_database_that_it_cannot_hold(stage: Stage) -> None:
    for count in (-1, 1.5, True, "1", 2**31, 2**63, 10**30):
        acts: list[tuple[str, Awaitable[object]]] = [
            ("message_limit", stage.bob.clone_thread("t1", message_limit=count)),  # type: ignore[arg-type]
            ("include", stage.bob.recall("t1", include=[Include("m1", previous=count)])),  # type: ignore[arg-type]
            ("include", stage.bob.recall("t1", include=[Include("m1", next=count)])),  # type: ignore[arg-type]
        ]
        for parameter, act in acts:
            assert (await refused(act)).parameter == parameter
    far = await stage.bob.recall("t1", page=2**31 - 1, per_page=2**31 - 1)
    assert (far.items, far.total, far.has_more) == ((), 25, False)
    assert (await stage.bob.list_threads(page=2**31 - 1, per_page=2**31 - 1)).items == ()


async def test_what_is_included_has_its_limits(stage: Stage) -> None:
    await stage.bob.save_messages([said("t2", "bob", "x", id=f"x{n}", created_at=minute(n)) for n in range(2_100)])

    page = await stage.bob.recall("t1", per_page=1, include=[Include("x1050", previous=1_000, next=1_000)] * 2)

    assert {*ids(page)} == {*(f"x{n}" for n in range(50, 2_051)), "m25"}
    assert len(page.items) == 2_002
    wrong: list[Any] = [[Include("m1")] * 101, [Include("m1", previous=1_001)], "m1", ["m1"], [{"id": "m1"}], None, 5]
    for include in wrong:
        assert (await refused(stage.bob.recall("t1", include=include))).parameter == "include"


async def test_as_many_ids_as_a_call_takes_are_taken_and_more_refused(stage: Stage) -> None:
    many = [f"id {number}" for number in range(10_000)]

    saved = await stage.bob.save_messages([said("t2", "bob", "word", id=one) for one in many[:5_000]])
    changed = await stage.bob.update_messages([MessageChange(one, text="new") for one in many[4_990:]])
    clone = await stage.bob.clone_thread("t2", message_ids=many[4_000:])
    found = await stage.bob.search_messages("word", per_page=None)

    assert (len(saved), len(changed), clone.message_count) == (5_000, 10, 1_000)
    assert len(found.items) == found.total == 4_990 + 990
    await stage.bob.delete_messages(many)
    assert (await stage.bob.recall("t2")).total == 0
    with pytest.raises(NotFound):
        await stage.bob.recall(many)
    more = [*many, "one more"]
    for parameter, act in (
        ("messages", stage.bob.save_messages([said("t2", "bob", "x", id=one) for one in more])),
        ("changes", stage.bob.update_messages([MessageChange(one) for one in more])),
        ("ids", stage.bob.delete_messages(more)),
        ("message_ids", stage.bob.clone_thread("t1", message_ids=more)),
        ("thread_id", stage.bob.recall(more)),
    ):
        assert (await refused(act)).parameter == parameter


async def test_a_search_over_many_named_threads_finds_the_same(stage: Stage) -> None:
    names = [f"thread {number}" for number in range(450)]
    for name in names:
        await stage.bob.create_thread("bob", name)
    await stage.bob.save_messages([said(name, "bob", f"needle {name}") for name in names[::50]])

    few = await stage.bob.recall(names[:300], search="needle", per_page=None)
    many = await stage.bob.recall(names, search="needle", per_page=None)

    assert (few.total, many.total) == (6, 9)
    assert [text for text in texts(many) if text in texts(few)] == texts(few)


async def test_wrong_arguments_are_refused_by_their_names(stage: Stage) -> None:
    acts: list[tuple[str, Awaitable[object]]] = [
        ("messages", stage.bob.save_messages(None)),  # type: ignore[arg-type]
        ("messages", stage.bob.save_messages("m1")),  # type: ignore[arg-type]
        ("messages", stage.bob.save_messages([{"text": "x"}])),  # type: ignore[list-item]
        ("messages", stage.bob.save_messages(iter([said("t1", "bob", "x")]))),  # type: ignore[arg-type]
        ("text", stage.bob.save_messages([said("t1", "bob", 5)])),  # type: ignore[arg-type]
        ("text", stage.bob.save_messages([said("t1", "bob", None)])),  # type: ignore[arg-type]
        ("role", stage.bob.save_messages([said("t1", "bob", "x", role="owner")])),
        ("role", stage.bob.save_messages([said("t1", "bob", "x", role=[])])),
        ("outcome", stage.bob.save_messages([said("t1", "bob", "x", outcome="fine")])),
        ("changes", stage.bob.update_messages(None)),  # type: ignore[arg-type]
        ("changes", stage.bob.update_messages("m1")),  # type: ignore[arg-type]
        ("changes", stage.bob.update_messages(["m1"])),  # type: ignore[list-item]
        ("id", stage.bob.update_messages([MessageChange("m1", text="a"), MessageChange("m1", text="b")])),
        ("text", stage.bob.update_messages([MessageChange("m1", text=5)])),  # type: ignore[arg-type]
        ("title", stage.bob.update_thread("t1", title=5)),  # type: ignore[arg-type]
        ("title", stage.bob.update_thread("t1", title="x" * 201)),
        ("title", stage.bob.create_thread("bob", title=None)),  # type: ignore[arg-type]
        ("place_kind", stage.bob.create_thread("bob", place_kind="secret")),  # type: ignore[arg-type]
        ("message_ids", stage.bob.clone_thread("t1", message_ids="m1")),
        ("roles", stage.bob.recall("t1", roles="user")),  # type: ignore[arg-type]
        ("roles", stage.bob.recall("t1", roles=["owner"])),  # type: ignore[list-item]
        ("roles", stage.bob.recall("t1", roles=None)),  # type: ignore[arg-type]
        ("query", stage.bob.search_messages(None)),  # type: ignore[arg-type]
        ("query", stage.bob.search_messages("x" * 1_001)),
        ("cursor", stage.bob.list_threads(cursor=7)),  # type: ignore[arg-type]
    ]

    for parameter, act in acts:
        assert (await refused(act)).parameter == parameter


async def test_a_message_that_was_read_can_be_saved_again(stage: Stage) -> None:
    (message,) = (await stage.bob.recall("t1", end=minute(1))).items

    (saved,) = await stage.bob.save_messages([message])

    assert (saved.id, saved.text, saved.created_at, saved.seq) == ("m1", "message 1", minute(1), 1)


def test_no_statement_is_kept_for_what_somebody_sent() -> None:
    from bot.access.scope import scope_of
    from bot.memory.message_pages import MessageFilter, MessageList, shape_of

    scope = scope_of(Actor.person("bob"), 1)
    shapes = {
        shape_of(scope, MessageList((number,), filter=MessageFilter(metadata=((f"k{number}", f'"{number}"'),))))
        for number in range(5)
    }

    assert len(shapes) == 1
