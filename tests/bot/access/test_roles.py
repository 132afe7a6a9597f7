"""Who has which role: deny unless a row allows; admins change roles, nobody else, and never the last one away."""

import asyncio
import random
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select

from bot.access.role_rows import (
    OPERATOR,
    admins_of,
    grant_role,
    list_roles,
    note_presence,
    read_standing,
    readers_of,
    revoke_role,
    set_scope,
    take_over_roles,
)
from bot.access.scope import Scope
from bot.access.standing import MEMBER, ReadScope, Role, RoleChange, Source, Standing, standing_of_rows
from bot.errors import BotError, InvalidArgument, NotAllowed, NotFound
from bot.limits import SCOPE_ENTRIES
from bot.storage.tables import people, roles, scopes
from tests.bot.access.company import Company
from tests.bot.memory.stage import START, minute

EVERYONE = ReadScope(everyone=True)


async def _standing(firm: Company, person: str) -> Standing:
    found: Standing = await firm.store.read(read_standing, firm.scope.workspace_key, person)
    return found


async def test_who_has_no_row_is_a_member_known_or_not(firm: Company) -> None:
    await firm.know("ada")

    for person in ("ada", "nobody"):
        standing = await _standing(firm, person)
        assert (standing, standing.admin, standing.supervisor, standing.scope.empty) == (MEMBER, False, False, True)


async def test_roles_are_apart_and_told_by_their_sources(firm: Company) -> None:
    await firm.know("lin")
    granted = await firm.do(grant_role, "lin", "admin", OPERATOR, START)

    assert granted == (RoleChange("lin", "admin", True, "granted"),)
    assert await firm.do(grant_role, "lin", "admin", OPERATOR, START) == (), "nothing to announce"
    standing = await _standing(firm, "lin")
    assert (standing.admin, standing.supervisor, dict(standing.sources)) == (
        True,
        False,
        {"admin": frozenset({"granted"})},
    )
    assert await firm.do(grant_role, "lin", "supervisor", "lin", START) == (
        RoleChange("lin", "supervisor", True, "granted"),
    ), "she may make herself one, which the others hear of"
    assert (await _standing(firm, "lin")).supervisor


async def test_only_an_admin_of_this_moment_changes_roles(firm: Company) -> None:
    await firm.know("ada", "grace", "lin", "away")
    for person, role in (("grace", "supervisor"), ("lin", "admin"), ("away", "admin")):
        await firm.do(grant_role, person, role, OPERATOR, START)
    await firm.do(set_scope, "grace", ReadScope(persons=("ada",)), OPERATOR, START)
    await firm.do(note_presence, "away", here=False, now=START)
    before = await firm.column(roles, roles.c.resource_key), await firm.column(scopes, scopes.c.value)

    for by in ("ada", "grace", "away", "nobody", ""):
        for act in (
            firm.do(grant_role, by, "admin", by, START),
            firm.do(grant_role, "ada", "supervisor", by, START),
            firm.do(revoke_role, "lin", "admin", by),
            firm.do(set_scope, "grace", EVERYONE, by, START),
        ):
            with pytest.raises(NotAllowed, match=r"^Only admins can do that here\.$"):
                await act
    assert before == (await firm.column(roles, roles.c.resource_key), await firm.column(scopes, scopes.c.value))


async def test_the_last_admin_stays_of_all_sources_together(firm: Company) -> None:
    await firm.know("lin", "mo", "gone")
    for person in ("lin", "mo", "gone"):
        await firm.do(grant_role, person, "admin", OPERATOR, START)
    await firm.do(note_presence, "gone", here=False, now=START)

    assert await firm.do(revoke_role, "mo", "admin", "lin") == (RoleChange("mo", "admin", False, "granted"),)
    for by in ("lin", OPERATOR):
        with pytest.raises(NotAllowed, match=r"^This is the last admin"):
            await firm.do(revoke_role, "lin", "admin", by)
    assert await firm.ask(admins_of) == ("lin",), "who left is none, and nothing was half done"

    await firm.do(take_over_roles, "mo", True, (), START)
    assert await firm.do(revoke_role, "lin", "admin", "lin") == (RoleChange("lin", "admin", False, "granted"),)
    with pytest.raises(NotAllowed, match=r"comes from the platform"):
        await firm.do(revoke_role, "mo", "admin", "mo")
    assert await firm.ask(admins_of) == ("mo",)


async def test_two_admins_who_remove_each_other_at_once_leave_one(firm: Company) -> None:
    await firm.know("lin", "mo")
    for _ in range(5):
        for person in ("lin", "mo"):
            await firm.do(grant_role, person, "admin", OPERATOR, START)

        outcomes = await asyncio.gather(
            firm.do(revoke_role, "mo", "admin", "lin"),
            firm.do(revoke_role, "lin", "admin", "mo"),
            return_exceptions=True,
        )

        assert len([one for one in outcomes if isinstance(one, NotAllowed)]) == 1, outcomes
        assert len(await firm.ask(admins_of)) == 1


async def test_a_role_from_elsewhere_outlives_what_an_admin_takes_away(firm: Company) -> None:
    await firm.know("lin", "mo")
    await firm.do(grant_role, "mo", "admin", OPERATOR, START)
    await firm.do(take_over_roles, "lin", None, ("lin",), START)
    await firm.do(grant_role, "lin", "admin", "mo", START)

    with pytest.raises(NotAllowed, match=r"comes from the operator's settings"):
        await firm.do(revoke_role, "lin", "admin", "mo")

    assert (await _standing(firm, "lin")).sources["admin"] == {"granted", "settings"}, "nothing is half done"


async def test_what_platform_and_settings_say_is_taken_over_once(firm: Company) -> None:
    await firm.know("lin")

    async def told(administrator: bool | None, *admins: str) -> list[tuple[str, bool]]:
        changes = await firm.do(take_over_roles, "lin", administrator, admins, START)
        return [(one.source, one.has) for one in changes]

    assert await told(True, "mo") == [("platform", True)]
    assert await told(True, "mo") == []
    assert await told(None, "lin") == [("settings", True)], "where the platform says nothing, nothing of it changes"
    assert await told(False, "lin") == [("platform", False)]
    assert (await _standing(firm, "lin")).sources == {"admin": frozenset({"settings"})}
    assert await told(False) == [("settings", False)], "also the last one: she was removed there"
    assert not (await _standing(firm, "lin")).admin
    assert await firm.do(take_over_roles, "nobody", True, ("nobody",), START) == ()


async def test_what_an_admin_gave_stays_whatever_the_platform_says(firm: Company) -> None:
    await firm.know("lin", "mo")
    await firm.do(grant_role, "mo", "admin", OPERATOR, START)

    assert await firm.do(take_over_roles, "mo", False, (), START) == ()
    assert (await _standing(firm, "mo")).admin


async def test_two_processes_that_hear_it_at_once_announce_it_once(firm: Company) -> None:
    await firm.know("lin")

    for administrator in (True, False) * 3:
        both = await asyncio.gather(*(firm.do(take_over_roles, "lin", administrator, (), START) for _ in range(4)))
        assert sorted(map(len, both)) == [0, 0, 0, 1]


async def test_a_supervisor_has_the_scope_that_she_was_given_and_loses_it_with_her_role(firm: Company) -> None:
    await firm.know("grace")
    with pytest.raises(NotAllowed, match=r"^Only a supervisor has a scope"):
        await firm.do(set_scope, "grace", EVERYONE, OPERATOR, START)
    await firm.do(grant_role, "grace", "supervisor", OPERATOR, START)
    first = ReadScope(persons=("bob", "ada", "ada"), channels=("harbour",))
    change = await firm.do(set_scope, "grace", first, OPERATOR, START)

    wanted = ReadScope(persons=("ada", "bob"), channels=("harbour",))
    assert (change.before, change.after) == (ReadScope(), wanted)
    assert (await _standing(firm, "grace")).scope == wanted
    assert await firm.do(set_scope, "grace", wanted, OPERATOR, START) is None
    await firm.do(set_scope, "grace", ReadScope(persons=("ada",), everyone=True), OPERATOR, minute(5))
    assert (await _standing(firm, "grace")).scope == ReadScope(everyone=True, persons=("ada",))

    await firm.do(revoke_role, "grace", "supervisor", OPERATOR)
    await firm.do(grant_role, "grace", "supervisor", OPERATOR, START)
    assert (await _standing(firm, "grace")).scope.empty


async def test_what_cannot_be_a_scope_or_a_role_is_refused(firm: Company) -> None:
    await firm.know("grace")
    await firm.do(grant_role, "grace", "supervisor", OPERATOR, START)
    many = tuple(f"p{number}" for number in range(SCOPE_ENTRIES + 1))
    wrong: list[Any] = [ReadScope(persons=("",)), ReadScope(channels=(" ",)), ReadScope(persons=many), ("ada",)]

    for reach in wrong:
        with pytest.raises(InvalidArgument):
            await firm.do(set_scope, "grace", reach, OPERATOR, START)
    role: Any = "owner"
    with pytest.raises(InvalidArgument):
        await firm.do(grant_role, "grace", role, OPERATOR, START)
    for person in ("nobody", ""):
        with pytest.raises(NotFound):
            await firm.do(grant_role, person, "admin", OPERATOR, START)


async def test_who_left_has_no_role_until_she_is_back(firm: Company) -> None:
    await firm.supervises("grace", EVERYONE)
    await firm.do(grant_role, "grace", "admin", OPERATOR, START)

    assert await firm.do(note_presence, "grace", here=False, now=START)
    assert not await firm.do(note_presence, "grace", here=False, now=minute(1)), "no news"
    assert await firm.column(people, people.c.left_at) == [START]
    assert await _standing(firm, "grace") == MEMBER
    assert await firm.ask(admins_of) == ()
    assert await firm.ask(readers_of) == ()
    with pytest.raises(NotFound):
        await firm.do(grant_role, "grace", "supervisor", OPERATOR, START)

    assert await firm.do(note_presence, "grace", here=True, now=START)
    back = await _standing(firm, "grace")
    assert (back.admin, back.supervisor, back.scope) == (True, True, EVERYONE)


async def test_holders_come_page_by_page(firm: Company) -> None:
    names = [f"p{number}" for number in range(7)]
    await firm.know("member", *names)
    for number, name in enumerate(names):
        await firm.do(grant_role, name, "admin" if number % 2 else "supervisor", OPERATOR, START)
    found, after = [], 0
    while True:
        page = await firm.ask(list_roles, after, 3)
        found += [(one.resource_id, one.standing.admin, one.standing.supervisor) for one in page.holders]
        assert len(page.holders) <= 3
        if page.after is None:
            break
        after = page.after

    assert found == [(name, bool(number % 2), not number % 2) for number, name in enumerate(names)]


async def test_readers_are_told_to_whom_they_concern(firm: Company) -> None:
    await firm.supervises("grace", ReadScope(persons=("ada",), channels=("harbour",)))
    await firm.supervises("lin", EVERYONE)
    await firm.supervises("mo", ReadScope(persons=("bob",)))
    await firm.supervises("idle", ReadScope())
    await firm.do(grant_role, "idle", "admin", OPERATOR, START)

    async def readers(*of: str) -> list[tuple[str, ReadScope]]:
        return [(one.resource_id, one.scope) for one in await firm.ask(readers_of, *of)]

    assert [name for name, _scope in await readers()] == ["grace", "lin", "mo"]
    assert await readers("ada") == [
        ("grace", ReadScope(persons=("ada",), channels=("harbour",))),
        ("lin", EVERYONE),
    ]
    assert await readers("bob") == [
        ("grace", ReadScope(channels=("harbour",))),
        ("lin", EVERYONE),
        ("mo", ReadScope(persons=("bob",))),
    ]


async def test_no_role_or_scope_of_another_workspace_counts(firm: Company) -> None:
    await firm.supervises("grace", EVERYONE)
    other = Scope("system", firm.scope.workspace_key + 1_000, ())

    assert await firm.store.read(read_standing, other.workspace_key, "grace") == MEMBER
    assert await firm.store.read(admins_of, other) == ()
    assert await firm.store.read(readers_of, other) == ()
    assert (await firm.store.read(list_roles, other)).holders == ()


async def test_whatever_admins_do_only_permitted_changes_happen_and_one_admin_stays(firm: Company) -> None:
    """Random attempts by anybody: a model of three lines says which of them succeed."""
    people_here = ("a", "b", "c", "d")
    await firm.know(*people_here)
    await firm.do(grant_role, "a", "admin", OPERATOR, START)
    has: set[tuple[str, Role]] = {("a", "admin")}
    chance = random.Random(7)

    for _ in range(120):
        by, whom = chance.choice(people_here), chance.choice(people_here)
        role: Role = chance.choice(get_args(Role))
        giving = chance.random() < 0.5
        admins = {person for person, known in has if known == "admin"}
        last = not giving and role == "admin" and admins == {whom}
        allowed = by in admins and not last
        try:
            changes = (
                await firm.do(grant_role, whom, role, by, START)
                if giving
                else await firm.do(revoke_role, whom, role, by)
            )
        except BotError:
            assert not allowed, (by, whom, role, giving)
            continue
        assert allowed, (by, whom, role, giving)
        before = set(has)
        has = has | {(whom, role)} if giving else has - {(whom, role)}
        assert bool(changes) == (has != before)
        for person in people_here:
            standing = await _standing(firm, person)
            assert (standing.admin, standing.supervisor) == ((person, "admin") in has, (person, "supervisor") in has)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["role", "scope", "other"]),
            st.sampled_from(["admin", "supervisor", "owner", "everyone", "person", "channel", "group"]),
            st.sampled_from([*get_args(Source), "", "ada", "invented"]),
        ),
        max_size=6,
    )
)
def test_a_standing_is_made_of_known_rows_alone(rows: list[tuple[str, str, str]]) -> None:
    standing = standing_of_rows(rows)

    known = set(get_args(Source))
    assert standing.admin == any(what == "role" and kind == "admin" and value in known for what, kind, value in rows)
    supervisor = any(what == "role" and kind == "supervisor" and value in known for what, kind, value in rows)
    assert standing.supervisor == supervisor
    assert standing.scope.everyone == (supervisor and any(row[:2] == ("scope", "everyone") for row in rows))
    assert set(standing.scope.persons) == (
        {value for what, kind, value in rows if (what, kind) == ("scope", "person")} if supervisor else set()
    )


async def test_a_row_of_a_role_that_is_not_known_gives_nothing(firm: Company) -> None:
    await firm.know("eve")

    def forge(connection: Connection, scope: Scope) -> None:
        key = connection.execute(select(people.c.key).where(people.c.resource_id == "eve")).scalar_one()
        row = {"resource_key": key, "role": "owner", "source": "granted", "workspace_key": scope.workspace_key}
        connection.execute(insert(roles), row | {"granted_at": START})

    await firm.do(forge)

    assert await _standing(firm, "eve") == MEMBER
