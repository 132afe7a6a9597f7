"""What people were told: versions that follow what holds; on each message the one that its author knew; the words."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot import MessageChange, NewMessage
from bot.access.disclosure import (
    NOBODY,
    Disclosure,
    DisclosureFacts,
    Kept,
    Operator,
    ReadingLine,
    SupervisorLine,
    facts_of,
    first_contact,
    operator_of,
    privacy_text,
)
from bot.access.disclosure_rows import choose_keeping, current_disclosure, kept_of, newest, supervisors_for, tell
from bot.access.standing import ReadScope
from bot.access.workspace_settings import DEFAULTS, changed_settings
from bot.memory.drafts import draft
from bot.memory.import_rows import ImportBatch
from bot.memory.thread_rows import NewThread
from bot.settings import Settings
from bot.storage.tables import disclosures, messages, people
from tests.bot.access.company import Company, held
from tests.bot.memory.stage import START, ids

#: A name that would be markup, or mention somebody, if it stood there as it is.
HOSTILE = st.sampled_from(
    ["**bold**", "[x](http://evil)", "<b>", "`code`", "a\nb\n# head", "<@U1>", "_it_ & |", "![i](u)"]
)
NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp", "Zs", "Co", "Cn"]), min_size=1, max_size=12
)
NAME = HOSTILE | NAMES
WHEN = datetime(2026, 11, 3, 10, 32, tzinfo=UTC)


async def _versions(firm: Company) -> dict[str, int]:
    def read(connection: Any) -> dict[str, int]:
        return dict(connection.execute(messages.select().with_only_columns(messages.c.id, messages.c.disclosure)).all())

    return await firm.store.read(read)


async def test_a_version_follows_each_change_of_what_holds_and_nothing_else(firm: Company) -> None:
    assert await firm.ask(newest) == Disclosure(1, "off", 0, "")

    told = [
        await firm.do(current_disclosure, facts, START)
        for facts in (
            held("off"),
            held("off"),
            replace(held("off"), bot_name="Other", operator="Other", supervisors=("Grace",)),
            held("channels"),
            held("channels", provider="other.example"),
            held("channels", provider="other.example", days=30),
            held("channels", provider="other.example", days=30),
            held("channels"),
        )
    ]

    assert [one.version for one in told] == [2, 2, 2, 3, 4, 5, 5, 6]
    assert told[-1] == await firm.ask(newest) == Disclosure(6, "channels", 90, "models.example")


async def test_processes_that_see_a_change_at_once_write_one_version(firm: Company) -> None:
    for number, supervision in enumerate(("all", "off", "channels", "all"), start=2):
        told = await asyncio.gather(*(firm.do(current_disclosure, held(supervision), START) for _ in range(8)))
        assert {one.version for one in told} == {number}
    assert await firm.column(disclosures, disclosures.c.version) == [1, 2, 3, 4, 5]


async def test_who_was_told_never_knows_less(firm: Company) -> None:
    await firm.know("ada")

    async def told() -> list[Any]:
        return [await firm.column(people, column) for column in (people.c.told_version, people.c.keeps)]

    assert await told() == [[None], [True]]
    assert await firm.do(choose_keeping, "ada", 3, keeps=False)
    assert await told() == [[3], [False]]
    assert await firm.do(choose_keeping, "ada", 2, keeps=True)
    assert await told() == [[3], [True]]
    (key,) = await firm.column(people, people.c.key)
    for version in (2, 5, 4):
        await firm.do(tell, key, version)
    assert await told() == [[5], [True]]
    assert not await firm.do(choose_keeping, "nobody", 1, keeps=True)


async def test_a_message_bears_what_its_author_was_told_unless_less_holds(firm: Company) -> None:
    await firm.know("ada", "bob")
    await firm.disclose("all")  # 2
    await firm.thread("t1", "ada", "bob")
    await firm.tell("ada", 1)
    await firm.say("t1", "ada", "told of 1 alone", "told")
    await firm.say("t1", "bob", "told of nothing", "untold")
    both = [NewMessage("t1", one, "answer", "assistant", id=f"to-{one}") for one in ("ada", "bob")]
    await firm.system.save_messages(both)
    await firm.tell("ada", 2)
    await firm.say("t1", "ada", "told of 2", "later")
    await firm.disclose("off")  # 3
    await firm.say("t1", "ada", "while it is off", "narrow")
    await firm.disclose("channels")  # 4
    await firm.say("t1", "ada", "told of all, channels hold", "narrower")

    assert await _versions(firm) == {
        "told": 1,
        "untold": 2,
        "to-ada": 1,
        "to-bob": 2,
        "later": 2,
        "narrow": 3,
        "narrower": 4,
    }
    await firm.disclose("all")  # 5
    await firm.supervises("grace", ReadScope(everyone=True))
    assert ids(await firm.scoped("ada").recall("t1")) == ["untold", "to-bob", "later"]


async def test_an_edit_widens_nothing(firm: Company) -> None:
    await firm.know("ada")
    await firm.disclose("all")  # 2
    await firm.thread("t1", "ada")
    await firm.say("t1", "ada", "first", "wide")
    await firm.do(choose_keeping, "ada", 1, keeps=True)
    await firm.say("t1", "ada", "first", "narrow")
    await firm.tell("ada", 2)
    ada = firm.person("ada")
    await ada.update_messages([MessageChange("narrow", text="second")])
    await ada.save_messages([NewMessage("t1", "ada", "third", id="wide")])
    assert await _versions(firm) == {"wide": 2, "narrow": 1}

    await firm.disclose("off")  # 3
    await ada.update_messages([MessageChange("wide", metadata={"a": 1})])
    assert (await _versions(firm))["wide"] == 2, "no word of it is other than before"
    await ada.update_messages([MessageChange("wide", text="fourth")])
    assert (await _versions(firm))["wide"] == 3


async def test_imported_words_are_their_authors_alone_unless_these_were_told(firm: Company) -> None:
    await firm.disclose("all")  # 2
    await firm.supervises("grace", ReadScope(everyone=True))
    for number, told in enumerate((False, True)):
        name = f"t{number}"
        new = NewThread(name, "ada", "", "", {}, "public", "#harbour", START, "", "harbour")
        said = draft(NewMessage(name, "ada", f"words {number}", id=f"m{number}", created_at=START), "")
        await firm.system.import_batch(ImportBatch([new], [said], {}, {}, told))

    assert await _versions(firm) == {"m0": 0, "m1": 2}
    assert ids(await firm.scoped("ada").list_threads()) == ["t1"]
    assert ids(await firm.scoped("ada").list_threads({"channel_id": "harbour"})) == ["t1"]
    assert sorted(ids(await firm.person("ada").list_threads())) == ["t0", "t1"]
    assert sorted(ids(await firm.person("ada").search_messages("words"))) == ["m0", "m1"]

    await firm.person("ada").update_messages([MessageChange("m0", text="words anew")])
    again = draft(NewMessage("t0", "ada", "corrected", id="m0", created_at=START), "")
    await firm.system.import_batch(ImportBatch([], [again], {}, {}, told=True))
    assert (await _versions(firm))["m0"] == 0, "neither an edit nor a second import opens it"


async def test_what_is_kept_of_a_person_is_counted(firm: Company) -> None:
    assert await firm.ask(kept_of, "ada") == Kept(0, 0, None)
    await firm.thread("t1", "ada", "bob")
    await firm.thread("t2", "bob")
    await firm.do(choose_keeping, "bob", 1, keeps=False)

    ada, bob = await firm.ask(kept_of, "ada"), await firm.ask(kept_of, "bob")

    assert (ada.conversations, ada.keeps, bob.conversations, bob.keeps) == (1, True, 2, False)
    assert ada.since is not None


async def test_a_person_is_told_of_the_supervisors_who_concern_her(firm: Company) -> None:
    await firm.supervises("grace", ReadScope(channels=("harbour", "office")))
    await firm.supervises("lin", ReadScope(persons=("ada",)))

    assert [(one.name, one.whole) for one in await firm.ask(supervisors_for, "ada")] == [
        ("grace", False),
        ("lin", True),
    ]
    assert [one.name for one in await firm.ask(supervisors_for, "grace")] == [], "nobody is told of herself"


COMPANY = "in channels, whoever talks with us there"
SERVER = "whoever runs the server can technically reach the data"
FACTS = DisclosureFacts("Keeper", "Acme", "models.example", 90, "off")


def test_the_first_contact_says_what_holds() -> None:
    assert first_contact(FACTS) == (
        "Hi, I'm Keeper, an AI, and I can be wrong. I keep what you write to me for 90 days, so that you can come back "
        "to it.\n\n"
        "Our conversations can be read by: you and, in channels, whoever talks with us there. Your direct messages: "
        "you only.\n\n"
        "Acme runs me, and models.example writes my answers: what you write is sent there."
    )
    channels = first_contact(replace(FACTS, supervision="channels", supervisors=("Grace", "Lin"), retention_days=1))
    assert "for 1 day, so" in channels
    assert "whoever talks with us there and the supervisors Grace and Lin. Your direct messages: you only." in channels
    assert "You will be told when a supervisor reads them." in channels
    every = first_contact(
        replace(FACTS, supervision="all", supervisors=("Grace",), retention_days=0, notice_of_readings=False)
    )
    assert "I keep what you write to me until you delete it, so" in every
    assert "read by: you, the supervisor Grace and, in channels" in every
    assert (
        "Your direct messages: you and the supervisor Grace. `privacy` shows which supervisor has read them." in every
    )
    nobody = first_contact(replace(FACTS, supervision="all", operator=" ", provider=NOBODY))
    assert "you and supervisors (nobody is one yet)." in nobody
    assert "Whoever installed me here runs me. No model is set: I answer without one, and nothing" in nobody
    many = first_contact(replace(FACTS, supervision="all", supervisors=tuple(f"P{n}" for n in range(1_005))))
    assert "the supervisors P0, P1, P2, P3, P4 and 1,000 more" in many


def test_privacy_says_what_holds() -> None:
    nothing = privacy_text(FACTS, Kept(1, 0, None), [], [])
    assert nothing.split("\n") == [
        "- **Kept:** 1 conversation and 0 facts, deleted after 90 days.",
        f"- **May read:** you; no supervisor; {COMPANY}; {SERVER}.",
        "- **Has read:** nobody.",
        "- **Sent to:** models.example.",
        "- **Memory of other conversations:** comes later.",
    ]
    supervised = replace(FACTS, supervision="channels", retention_days=0, provider=NOBODY)
    lines = [
        SupervisorLine("Grace", ReadScope(everyone=True), WHEN),
        SupervisorLine("Lin", ReadScope(channels=("a",)), WHEN, whole=False),
    ]
    read = [ReadingLine("Grace", WHEN, "quality review", 2), ReadingLine("Lin", WHEN, "", 1)]
    text = privacy_text(supervised, Kept(42, 7, WHEN, keeps=False), lines, read, memory="on")
    assert "42 conversations and 7 facts since 3 Nov 2026, kept until you delete it. You asked me not to keep" in text
    assert "the supervisors Grace, since 3 Nov 2026; Lin in 1 channel, since 3 Nov 2026 (channels only);" in text
    assert (
        "Grace, 3 Nov 2026 10:32 UTC, quality review, 2 conversations; "
        "Lin, 3 Nov 2026 10:32 UTC, no category, 1 conversation." in text
    )
    assert "**Sent to:** nobody: I answer without a model." in text
    assert "conversations:** on." in text
    assert "supervisors, of whom there is none;" in privacy_text(supervised, Kept(0, 0, None), [], [])


@given(
    names=st.lists(NAME, min_size=1, max_size=4),
    bot=NAME,
    operator=NAME,
    provider=NAME,
    supervision=st.sampled_from(["channels", "all"]),
)
def test_no_name_is_markup(names: list[str], bot: str, operator: str, provider: str, supervision: Any) -> None:
    facts = DisclosureFacts(bot, operator, provider, 90, supervision, tuple(names))
    lines = [SupervisorLine(one, ReadScope(everyone=True), WHEN) for one in names]
    read = [ReadingLine(one, WHEN, one, 1) for one in names]

    for text, allowed in (
        (first_contact(facts), {"code_inline"}),
        (privacy_text(facts, Kept(1, 1, WHEN), lines, read), {"strong_open", "strong_close"}),
    ):
        tokens = [inner for token in MarkdownIt().parse(text) for inner in token.children or []]
        kinds = {token.type for token in tokens}
        assert kinds <= {"text", "softbreak", "text_special", *allowed}, text
        shown = "".join(token.content for token in tokens)
        for name in (provider, *names):
            assert " ".join(name.split()) in " ".join(shown.split()) or "\n" in name


@pytest.mark.parametrize(
    ("given_", "provider"),
    [
        ({}, NOBODY),
        ({"openai_base_url": "http://127.0.0.1:11434/v1"}, NOBODY),
        ({"model": "m"}, "api.openai.com"),
        (
            {"model": "m", "openai_base_url": "https://user:secret@llm.acme.example:8443/v1?key=secret"},
            "llm.acme.example",
        ),
    ],
)
def test_the_provider_is_who_gets_the_text(given_: dict[str, Any], provider: str) -> None:
    settings = Settings(_env_file=None, operator_name="Acme", bot_name="Keeper", **given_)

    assert operator_of(settings) == Operator("Keeper", "Acme", provider, 90)


def test_admins_stand_in_the_settings_with_commas_between() -> None:
    assert Settings(_env_file=None).admin_ids == frozenset()
    settings = Settings(_env_file=None, admins=" slack:T1:U1, local:playground:lin,,")
    assert settings.admin_ids == {"slack:T1:U1", "local:playground:lin"}


def test_what_a_workspace_chose_is_told() -> None:
    operator = Operator("Keeper", "Acme", "models.example", 90)
    chosen = changed_settings(DEFAULTS, {"supervision": "all", "retention_days": 7, "notice_of_readings": False})

    assert facts_of(operator, chosen, ["Grace"]) == DisclosureFacts(
        "Keeper", "Acme", "models.example", 7, "all", ("Grace",), notice_of_readings=False
    )
