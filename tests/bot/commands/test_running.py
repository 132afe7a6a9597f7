"""Running commands: how many, and for whom."""

from datetime import UTC, datetime, timedelta

from bot.access.role_rows import read_standing
from bot.access.standing import MEMBER
from bot.commands.pace import Pace
from tests.bot.commands.office import office, person_id
from tests.bot.turns.team import WORKSPACE


async def test_whoever_runs_too_many_commands_is_asked_to_wait(url: str) -> None:
    async with office(url, commands_per_minute=3) as here:
        for _ in range(3):
            assert "wait" not in (await here.type("ana", "usage")).text
        slower = await here.type("ana", "usage")
        assert slower.text.startswith("I take 3 commands a minute from each person. Please try again in ")
        pressed = await here.run("ana", "history", channel="general")
        assert pressed.only_for == "ana"
        assert pressed.text.startswith("I take 3 commands a minute")
        unknown = await here.run("ana", "no such command")
        assert unknown.text.startswith("I take 3 commands a minute")
        assert not (await here.type("bela", "usage")).text.startswith("I take")


def test_after_a_minute_commands_run_again() -> None:
    pace, begin = Pace(2), datetime(2026, 11, 22, tzinfo=UTC)
    at = [pace.wait("ana", begin + timedelta(seconds=seconds)).total_seconds() for seconds in (0, 20, 50, 59, 60, 61)]
    assert at == [0, 0, 10, 1, 0, 19]
    assert not pace.wait("bela", begin)


async def test_a_supervisor_who_became_a_guest_has_no_role_any_more(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "a question")
        await here.team.local.settle(WORKSPACE, "grace", "Grace", "guest")
        await here.type("grace", "history @ana")

        async def refused() -> bool:
            return any("Only supervisors" in post.text for post in await here.shown("grace"))

        await here.team.until(refused)
        acts = await here.audit("actor_kind", "action", "outcome")
        assert ("system", "roles taken over", "done") in acts
        assert "Grace" not in (await here.type("ana", "privacy")).text
        await here.quiet()
        lost = "Grace is a guest, a bot or of another organisation on the platform now, and has no role"
        for name in ("lin", "grace"):
            assert any(post.text.startswith(lost) for post in await here.shown(name))
        await here.team.local.settle(WORKSPACE, "grace", "Grace", "member")
        assert (await here.team.store.read(read_standing, here.key, person_id("grace"))) == MEMBER


async def test_a_guest_is_no_admin_whoever_named_her(url: str) -> None:
    async with office(url) as here:
        await here.grant("gus", "admin")
        await here.type("gus", "admin settings")

        async def refused() -> bool:
            return any("no such command" in post.text for post in await here.shown("gus"))

        await here.team.until(refused)
        assert (await here.team.store.read(read_standing, here.key, person_id("gus"))) == MEMBER
