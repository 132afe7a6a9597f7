"""What admins chose: checked, versioned, rolled back; what people are told follows in the same transaction."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from bot.access.disclosure_rows import newest
from bot.access.role_rows import OPERATOR as BY_OPERATOR
from bot.access.role_rows import grant_role
from bot.access.scope import Scope
from bot.access.settings_rows import (
    change_settings,
    chosen_retentions,
    chosen_settings,
    roll_back,
    set_up_workspace,
    settings_history,
)
from bot.access.workspace_settings import (
    DEFAULTS,
    WorkspaceSettings,
    changed_settings,
    from_stored,
    kept_days,
    stored,
)
from bot.errors import InvalidArgument, NotAllowed, NotFound, StorageError
from bot.limits import CHANNEL_MODES, CONTACT_CHARACTERS, PERSONA_CHARACTERS
from bot.storage.tables import disclosures, workspace_settings
from tests.bot.access.company import OPERATOR, Company
from tests.bot.memory.stage import START

WRONG: list[dict[str, Any]] = [
    {"supervision": "everything"},
    {"supervision": None},
    {"set_up": 1},
    {"set_up": "true"},
    {"retention_days": 0},
    {"retention_days": -1},
    {"retention_days": True},
    {"retention_days": 7.5},
    {"retention_days": 40_000},
    {"retention_days": 91},
    {"notice_of_readings": None},
    {"off_record": "no"},
    {"contact": "x" * (CONTACT_CHARACTERS + 1)},
    {"contact": None},
    {"persona": "x" * (PERSONA_CHARACTERS + 1)},
    {"persona": "\0"},
    {"channels": ["harbour"]},
    {"channels": {"harbour": "loud"}},
    {"channels": {"": "off"}},
    {"channels": {f"c{number}": "off" for number in range(CHANNEL_MODES + 1)}},
    {"model": "another"},
]


async def test_nothing_is_chosen_at_first(firm: Company) -> None:
    chosen = await firm.ask(chosen_settings)

    assert (chosen.version, chosen.settings) == (0, DEFAULTS)
    assert chosen.settings.supervision == "off"
    assert chosen.settings.mode_of("harbour") == "mention"


async def test_a_change_is_a_version_and_keeps_what_differs(firm: Company) -> None:
    await firm.know("lin")
    await firm.do(grant_role, "lin", "admin", BY_OPERATOR, START)

    first = await firm.do(change_settings, {"persona": " terse ", "off_record": False}, OPERATOR, "lin", START)
    second = await firm.do(
        change_settings, {"channels": {"harbour": "all", "office": "mention"}}, OPERATOR, "lin", START
    )
    same = await firm.do(change_settings, {"persona": "terse"}, OPERATOR, "lin", START)

    assert (first.changed, second.changed, same.changed) == (True, True, False)
    expected = WorkspaceSettings(persona="terse", off_record=False, channels={"harbour": "all"})
    assert second.after.settings == same.after.settings == expected
    assert await firm.column(workspace_settings, workspace_settings.c.version) == [1, 2]
    assert stored(expected) == {"persona": "terse", "off_record": False, "channels": {"harbour": "all"}}
    assert (await firm.ask(chosen_settings)).settings == expected


async def test_only_an_admin_of_this_moment_changes_settings(firm: Company) -> None:
    await firm.know("ada")
    for by in ("ada", "nobody", ""):
        for act in (
            firm.do(change_settings, {"supervision": "all"}, OPERATOR, by, START),
            firm.do(roll_back, 0, OPERATOR, by, START),
        ):
            with pytest.raises(NotAllowed):
                await act
    assert await firm.column(workspace_settings, workspace_settings.c.version) == []
    assert await firm.column(disclosures, disclosures.c.supervision) == ["off"]


@pytest.mark.parametrize("changes", WRONG, ids=[f"{next(iter(one))}-{n}" for n, one in enumerate(WRONG)])
async def test_what_cannot_be_chosen_is_refused_whole(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        changed_settings(DEFAULTS, {"off_record": False, **changes}, operator_days=90)
    assert refusal.value.parameter in changes


async def test_supervision_is_told_in_the_same_transaction(firm: Company) -> None:
    before = await firm.ask(newest)

    change = await firm.do(change_settings, {"supervision": "channels"}, OPERATOR, BY_OPERATOR, START)

    told = await firm.ask(newest)
    assert (before.version, before.supervision) == (1, "off")
    assert told == change.disclosure
    assert (told.version, told.supervision, told.retention_days, told.provider) == (2, "channels", 90, "models.example")
    same = await firm.do(change_settings, {"persona": "terse"}, OPERATOR, BY_OPERATOR, START)
    assert same.disclosure.version == 2, "what people are told of did not change"
    shorter = await firm.do(change_settings, {"retention_days": 30}, OPERATOR, BY_OPERATOR, START)
    assert (shorter.disclosure.version, shorter.disclosure.retention_days) == (3, 30)

    with pytest.raises(InvalidArgument):
        await firm.do(change_settings, {"supervision": "all", "retention_days": 0}, OPERATOR, BY_OPERATOR, START)
    assert (await firm.ask(newest)).version == 3


async def test_without_the_new_disclosure_there_are_no_new_settings(firm: Company) -> None:
    def forbid(connection: Connection, _scope: Scope) -> None:
        connection.exec_driver_sql("ALTER TABLE disclosures RENAME TO elsewhere")

    await firm.do(forbid)

    with pytest.raises(StorageError):
        await firm.do(change_settings, {"supervision": "all"}, OPERATOR, BY_OPERATOR, START)
    assert (await firm.ask(chosen_settings)).version == 0


async def test_history_and_rolling_back(firm: Company) -> None:
    await firm.know("lin")
    await firm.do(grant_role, "lin", "admin", BY_OPERATOR, START)
    await firm.do(change_settings, {"supervision": "all"}, OPERATOR, "lin", START)
    await firm.do(change_settings, {"supervision": "off", "persona": "terse"}, OPERATOR, BY_OPERATOR, START)

    back = await firm.do(roll_back, 1, OPERATOR, "lin", START)

    assert (back.after.version, back.after.settings) == (3, WorkspaceSettings(supervision="all"))
    assert back.disclosure.supervision == "all"
    history = await firm.ask(settings_history)
    assert [(one.version, one.settings.supervision, one.by, one.by_operator) for one in history] == [
        (3, "all", "lin", False),
        (2, "off", None, True),
        (1, "all", "lin", False),
    ]
    assert [one.version for one in await firm.ask(settings_history, 3, 1)] == [2]
    assert (await firm.do(roll_back, 0, OPERATOR, "lin", START)).after.settings == DEFAULTS
    for missing in (9, -1):
        with pytest.raises(NotFound):
            await firm.do(roll_back, missing, OPERATOR, "lin", START)


async def test_a_version_that_keeps_longer_than_the_operator_does_is_not_taken_back(firm: Company) -> None:
    await firm.do(change_settings, {"retention_days": 80}, OPERATOR, BY_OPERATOR, START)
    await firm.do(change_settings, {"retention_days": None}, OPERATOR, BY_OPERATOR, START)
    shorter = type(OPERATOR)(OPERATOR.bot_name, OPERATOR.name, OPERATOR.provider, 30)

    with pytest.raises(InvalidArgument):
        await firm.do(roll_back, 1, shorter, BY_OPERATOR, START)
    assert kept_days(30, 80) == 30, "and where it holds already, the operator's counts"


async def test_changes_at_once_all_become_versions_in_a_row(firm: Company) -> None:
    await asyncio.gather(
        *(firm.do(change_settings, {"contact": f"desk {number}"}, OPERATOR, BY_OPERATOR, START) for number in range(6)),
        *(firm.do(change_settings, {"persona": f"{number}"}, OPERATOR, BY_OPERATOR, START) for number in range(6)),
    )

    assert await firm.column(workspace_settings, workspace_settings.c.version) == list(range(1, 13))
    chosen = (await firm.ask(chosen_settings)).settings
    assert chosen.contact.startswith("desk ")
    assert chosen.persona, "no change lost another's"


async def test_a_workspace_is_set_up_once(firm: Company) -> None:
    first = await firm.do(set_up_workspace, {"supervision": "all"}, OPERATOR, START)
    await firm.do(change_settings, {"supervision": "off"}, OPERATOR, BY_OPERATOR, START)
    again = await firm.do(set_up_workspace, {"supervision": "all"}, OPERATOR, START)

    assert (first.after.settings.set_up, first.disclosure.supervision) == (True, "all")
    assert (again.changed, (await firm.ask(chosen_settings)).settings.supervision) == (False, "off")


async def test_the_workspaces_that_keep_shorter_are_known(firm: Company) -> None:
    assert await firm.store.read(chosen_retentions) == {}
    await firm.do(change_settings, {"retention_days": 10}, OPERATOR, BY_OPERATOR, START)
    await firm.do(change_settings, {"retention_days": 7}, OPERATOR, BY_OPERATOR, START)
    assert await firm.store.read(chosen_retentions) == {firm.scope.workspace_key: 7}
    await firm.do(change_settings, {"retention_days": None}, OPERATOR, BY_OPERATOR, START)
    assert await firm.store.read(chosen_retentions) == {}


@pytest.mark.parametrize(
    ("operator", "chosen", "days"), [(0, None, 0), (0, 5, 5), (90, None, 90), (90, 5, 5), (5, 90, 5)]
)
def test_the_shorter_time_of_keeping_counts(operator: int, chosen: int | None, days: int) -> None:
    assert kept_days(operator, chosen) == days


@given(
    st.builds(
        WorkspaceSettings,
        st.sampled_from(["off", "channels", "all"]),
        st.booleans(),
        st.none() | st.integers(1, 36_500),
        st.booleans(),
        st.booleans(),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20).map(str.strip),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20).map(str.strip),
        st.dictionaries(st.sampled_from(["harbour", "office"]), st.sampled_from(["all", "off"])),
    )
)
def test_what_was_kept_is_read_back(settings: WorkspaceSettings) -> None:
    assert from_stored(stored(settings)) == settings


def test_what_a_later_version_kept_and_this_one_does_not_know_counts_as_not_chosen() -> None:
    assert from_stored({"supervision": "everything", "colour": "red", "persona": "terse"}) == WorkspaceSettings(
        persona="terse"
    )
