"""Who is admin or supervisor: given, taken, widened and narrowed, each once in the audit and told to the others."""

import asyncio
from datetime import datetime, timedelta

import pytest

from adapters.local.world_rows import LocalPost
from bot.access.role_rows import read_standing
from bot.access.standing import ReadScope, Standing
from bot.chat import PersonRef, Profile
from bot.commands.registry import all_commands
from bot.errors import BotError, NotFound, PlatformUnreachable
from tests.bot.agent.talking import SETTINGS
from tests.bot.commands.office import Office, buttons, office, person_id
from tests.bot.turns.team import WORKSPACE, wall_clock

UNKNOWN = "There is no such command here; `help` lists what I can do."


async def standing(team: Office, name: str) -> Standing:
    return await team.team.store.read(read_standing, team.key, person_id(name))


async def acts(team: Office) -> list[tuple[str, str, str]]:
    return await team.audit("actor_kind", "action", "outcome")


async def told(team: Office, name: str) -> list[str]:
    """What the bot wrote to somebody by itself or in answer, in her direct conversation."""
    await team.team.quiet()
    return [post.text for post in await team.shown(name)]


@pytest.mark.parametrize("name", ["ana", "grace", "gus"])
async def test_for_others_there_are_no_admin_commands_and_the_attempt_is_recorded(url: str, name: str) -> None:
    async with office(url) as team:
        tried = [command.name for command in all_commands() if command.who == "admin"]
        for command in tried:
            assert (await team.run(name, command)).text == UNKNOWN

        assert (await team.run(name, "no such thing")).text == UNKNOWN
        assert await acts(team) == [("person", command, "refused") for command in tried]


async def test_help_names_them_for_admins_alone(url: str) -> None:
    async with office(url) as team:
        assert "admin settings" in (await team.type("lin", "help")).text
        assert "admin" not in (await team.type("grace", "help")).text


async def test_the_list_shows_roles_with_scope_and_source(url: str) -> None:
    async with office(url) as team:
        page = await team.type("lin", "admin roles")

        assert "1. **Grace**: supervisor (made one here), may read everyone's conversations" in page.text
        assert "2. **Lin**: admin (made one here)" in page.text
        assert buttons(page) == ["1", "2", "Make a supervisor…", "Make an admin…"]
        shown = await team.press("lin", page, "1")
        assert buttons(shown) == ["Whom they may read…", "Take away supervisor", "Make an admin…", "All roles"]


async def test_a_long_list_has_pages(url: str) -> None:
    async with office(url) as team:
        for number in range(9):
            await team.team.local.settle(WORKSPACE, f"new{number}", f"New {number}")
            await team.type("lin", f"admin grant @new{number} role:admin")

        page, seen = await team.type("lin", "admin roles"), []
        while True:
            seen += [line.partition(". **")[2].partition("**")[0] for line in page.text.splitlines() if ". **" in line]
            if "More" not in buttons(page):
                break
            page = await team.press("lin", page, "More")

        assert seen == ["Grace", "Lin", *[f"New {number}" for number in range(9)]]


async def test_a_supervisor_is_made_by_form(url: str) -> None:
    async with office(url) as team:
        await team.say("bela", "@keeper hello", channel="general")
        page = await team.type("lin", "admin roles")
        form = await team.press("lin", page, "Make a supervisor…")
        again = await team.send("lin", form, {"person": person_id("ana"), "everyone": "no"})
        hints = {one["name"]: one["hint"] for one in again.extras["form"]["fields"]}
        assert hints["everyone"] == "Not possible: Please say whom: everyone, some people, or some channels."
        done = await team.send("lin", again, {"reads": person_id("bela"), "channels": "#general"})

        assert (
            "Ana is a supervisor now and may read the conversations of Bela and what is said in #general" in done.text
        )
        assert (await standing(team, "ana")).scope == ReadScope(False, (person_id("bela"),), ("general",))
        assert await acts(team) == [("admin", "role given", "done")]
        said = (
            "Lin made Ana a supervisor of this workspace, who may read the conversations of Bela and what is said in "
        )
        assert any(one.startswith(said) for one in await told(team, "ana"))


async def test_what_is_written_in_a_form_is_never_lost(url: str) -> None:
    async with office(url) as team:
        form = await team.run("lin", "admin grant", {"role": "supervisor"})
        wrong = {"person": person_id("ana"), "everyone": "no", "reads": person_id("bela"), "channels": "#nowhere"}
        again = await team.send("lin", form, wrong)

        shown = {one["name"]: one["value"] for one in again.extras["form"]["fields"]}
        assert shown == wrong | {"reads2": "", "reads3": ""}
        assert await acts(team) == []


async def test_roles_are_given_and_taken_by_typing(url: str) -> None:
    async with office(url) as team:
        await team.type("lin", "admin grant @bela role:admin")
        assert (await standing(team, "bela")).admin

        question = await team.type("lin", "admin revoke @bela role:admin")
        assert (await standing(team, "bela")).admin
        await team.press("lin", question, "Take away admin")

        assert not (await standing(team, "bela")).admin
        assert await acts(team) == [("admin", "role given", "done"), ("admin", "role taken", "done")]
        news = [text for text in await told(team, "bela") if "Lin" in text]
        assert news == [
            "Lin made Bela an admin of this workspace.",
            "Lin took away Bela's role as an admin of this workspace.",
        ]


async def test_a_role_that_somebody_has_is_not_given_again(url: str) -> None:
    async with office(url) as team:
        again = await team.type("lin", "admin grant @grace role:supervisor everyone:yes")

        assert again.text == "That is so already."
        assert await acts(team) == []


async def test_somebody_who_never_spoke_can_get_a_role(url: str) -> None:
    async with office(url) as team:
        await team.team.local.settle(WORKSPACE, "nora", "Nora")
        await team.type("lin", "admin grant @nora role:supervisor everyone:yes")

        assert (await standing(team, "nora")).scope.everyone
        assert "**Nora**" in (await team.type("lin", "admin roles")).text


@pytest.mark.parametrize("name", ["gus", "robot", "olga"])
async def test_guests_bots_and_people_who_left_get_no_role(url: str, name: str) -> None:
    async with office(url) as team:
        await team.team.local.settle(WORKSPACE, "robot", "Robot", "bot")
        await team.team.local.settle(WORKSPACE, "olga", "Olga")
        await team.team.local.leave_workspace(WORKSPACE, "olga")
        refused = await team.run("lin", "admin grant", {"person": person_id(name), "role": "admin"})

        assert refused.text.startswith("Bots, guests, people of other organisations")
        assert not (await standing(team, name)).sources
        assert await acts(team) == [("admin", "role given", "refused")]


async def test_somebody_of_another_workspace_gets_no_role(url: str) -> None:
    async with office(url) as team:
        refused = await team.run("lin", "admin grant", {"person": "local:other:ana", "role": "admin"})

        assert refused.text == "There is nobody of that name."
        assert await acts(team) == []


async def test_the_last_admin_stays(url: str) -> None:
    async with office(url) as team:
        question = await team.type("lin", "admin revoke @lin role:admin")
        refused = await team.press("lin", question, "Take away admin")

        assert refused.text == "This is the last admin: make somebody else one before."
        assert (await standing(team, "lin")).admin
        assert await acts(team) == [("admin", "role taken", "refused")]


async def test_an_admin_who_makes_herself_a_supervisor_is_announced(url: str) -> None:
    async with office(url) as team:
        await team.grant("bela", "admin")
        question = await team.type("lin", "admin grant @lin role:supervisor everyone:yes")
        assert "The other admins are told at once" in question.text
        assert not (await standing(team, "lin")).supervisor

        await team.press("lin", question, "Make me a supervisor")

        assert (await standing(team, "lin")).scope.everyone
        expected = "Lin made herself or himself a supervisor of this workspace, who may read everyone's conversations."
        assert expected in await told(team, "bela")
        assert expected not in await told(team, "lin")


async def test_a_scope_is_widened_and_narrowed(url: str) -> None:
    async with office(url) as team:
        await team.say("bela", "@keeper hello", channel="general")
        await team.type("lin", "admin scope @grace reads:@ana channels:#general")
        page = await team.type("lin", "admin scope @grace")
        assert [line for line in page.text.splitlines() if line[:1].isdigit()] == [
            "1. Everyone's conversations",
            "2. The conversations of Ana",
            "3. What is said in #general",
        ]
        page = await team.press("lin", page, "Remove 1")
        page = await team.press("lin", page, "Remove 1")

        assert (await standing(team, "grace")).scope == ReadScope(channels=("general",))
        assert [action for _kind, action, _outcome in await acts(team)] == [
            "scope widened",
            "scope narrowed",
            "scope narrowed",
        ]
        assert "Lin changed what Grace may read as a supervisor" in " ".join(await told(team, "grace"))


async def test_a_scope_grows_by_form(url: str) -> None:
    async with office(url) as team:
        page = await team.run("lin", "admin scope", {"person": person_id("grace")})
        form = await team.press("lin", page, "Let them read more…")
        await team.send("lin", form, {"reads": person_id("ana"), "reads2": person_id("bela")})

        assert (await standing(team, "grace")).scope == ReadScope(True, (person_id("ana"), person_id("bela")))


async def test_a_button_of_somebody_who_is_admin_no_longer_does_nothing(url: str) -> None:
    async with office(url) as team:
        await team.grant("bela", "admin")
        question = await team.type("lin", "admin revoke @bela role:admin")
        await team.revoke("lin")

        assert (await team.press("lin", question, "Take away admin")).text == UNKNOWN
        assert (await standing(team, "bela")).admin
        assert await acts(team) == [("person", "admin revoke now", "refused")]


# Where roles come from


class Hurried:
    """A clock that can be ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return wall_clock() + self.ahead


async def once_told(team: Office, name: str) -> LocalPost:
    """The list of roles, for somebody who was told of her own first."""
    await team.type(name, "admin roles")
    await team.team.quiet()
    return await team.type(name, "admin roles")


async def test_owners_and_administrators_of_the_platform_are_the_first_admins(url: str) -> None:
    async with office(url) as team:
        await team.team.local.settle(WORKSPACE, "olga", "Olga", "administrator")
        page = await once_told(team, "olga")

        assert "**Olga**: admin (owner or administrator on the platform)" in page.text
        assert await acts(team) == [("system", "roles taken over", "done")]
        said = "Olga is an admin of this workspace now, as owner or administrator on the platform."
        assert said in await told(team, "lin")
        question = await team.type("lin", "admin revoke @olga role:admin")
        refused = await team.press("lin", question, "Take away admin")
        assert refused.text == "This role comes from the platform, and can be taken away there alone."


async def test_whom_the_operator_names_is_admin(url: str) -> None:
    async with office(url, settings=SETTINGS.model_copy(update={"admins": f"x, {person_id('ana')}"})) as team:
        await once_told(team, "ana")
        page = await team.type("ana", "admin roles @ana")

        assert "named in the operator's settings (ADMINS)" in page.text
        assert "Take away admin" not in buttons(page)


async def test_whom_the_platform_demoted_is_admin_no_longer(url: str) -> None:
    clock = Hurried()
    async with office(url, now=clock) as team:
        await team.team.local.settle(WORKSPACE, "olga", "Olga", "administrator")
        await once_told(team, "olga")
        await team.team.local.settle(WORKSPACE, "olga", "Olga")
        clock.ahead += timedelta(minutes=1)

        assert (await team.type("olga", "admin roles")).text == UNKNOWN
        assert not (await standing(team, "olga")).admin


@pytest.mark.parametrize(
    "profile",
    [
        Profile("Ana", administrator=True, outsider=True),
        Profile("Ana", administrator=True, active=False),
        Profile("Ana", administrator=True, is_bot=True),
        PlatformUnreachable(),
        NotFound(),
    ],
)
async def test_who_is_not_surely_an_administrator_is_no_admin(
    url: str, profile: Profile | BotError, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def says(_person: PersonRef) -> Profile:
        if isinstance(profile, BotError):
            raise profile
        return profile

    async with office(url) as team:
        monkeypatch.setattr(team.team.local, "profile", says)

        assert (await team.type("ana", "admin roles")).text == UNKNOWN
        assert not (await standing(team, "ana")).admin


async def test_a_platform_that_does_not_answer_takes_no_role_away(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def says_nothing(_person: PersonRef) -> Profile:
        raise PlatformUnreachable

    clock = Hurried()
    async with office(url, now=clock) as team:
        await team.team.local.settle(WORKSPACE, "olga", "Olga", "administrator")
        await once_told(team, "olga")
        monkeypatch.setattr(team.team.local, "profile", says_nothing)
        clock.ahead += timedelta(minutes=1)

        assert "**Olga**" in (await team.type("olga", "admin roles")).text


async def test_who_left_has_no_role_until_she_is_back(url: str) -> None:
    async with office(url) as team:
        await team.team.local.leave_workspace(WORKSPACE, "grace")
        await team.team.until(lambda: no_role(team, "grace"))
        await team.team.local.settle(WORKSPACE, "grace", "Grace")
        await team.team.until(lambda: is_supervisor(team, "grace"))


async def no_role(team: Office, name: str) -> bool:
    return not (await standing(team, name)).sources


async def is_supervisor(team: Office, name: str) -> bool:
    return (await standing(team, name)).supervisor


# At once


async def test_two_admins_who_take_each_others_role_leave_one(url: str) -> None:
    async with office(url) as team:
        await team.grant("bela", "admin")
        questions = {"lin": await team.type("lin", "admin revoke @bela role:admin")}
        questions["bela"] = await team.type("bela", "admin revoke @lin role:admin")
        await asyncio.gather(*(team.press(name, post, "Take away admin") for name, post in questions.items()))
        await team.team.quiet()

        assert [(await standing(team, name)).admin for name in ("lin", "bela")].count(True) == 1
        outcomes = [(action, outcome) for _kind, action, outcome in await acts(team)]
        assert outcomes.count(("role taken", "done")) == 1
        assert len(outcomes) == 2


async def test_permissions_that_are_given_at_once_are_all_there(url: str) -> None:
    async with office(url) as team:
        await team.type("lin", "admin scope @grace")
        names = [f"new{number}" for number in range(6)]
        for name in names:
            await team.team.local.settle(WORKSPACE, name, name)
        asked = ({"person": person_id("grace"), "reads": person_id(name)} for name in names)
        await asyncio.gather(*(team.run("lin", "admin scope", one) for one in asked))

        assert await team.team.until(lambda: reads_all(team, {person_id(name) for name in names}))
        assert [action for _kind, action, _outcome in await acts(team)] == ["scope widened"] * 6


async def reads_all(team: Office, persons: set[str]) -> bool:
    return persons <= set((await standing(team, "grace")).scope.persons)
