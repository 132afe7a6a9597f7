"""A role that is taken away while a command runs: what the command knew before does not count."""

from uuid import uuid4

import pytest

from adapters.local.ids import direct_channel
from adapters.local.inbound import place_ref
from bot.access.standing import Standing
from bot.chat import Form, Invocation, PersonRef, Reply
from bot.commands.context import Context, Services
from bot.commands.registry import all_commands
from bot.errors import NotAllowed
from tests.bot.commands.office import WORKSPACE_ID, Office, office, person_id
from tests.bot.turns.team import WORKSPACE

CHANGING = [
    ("admin settings now", {"retention": "30"}),
    ("admin settings back", {"version": "0"}),
    ("admin setup supervision", {"supervision": "off"}),
    ("admin grant now", {"person": person_id("bela"), "role": "admin"}),
    ("admin revoke now", {"person": person_id("grace"), "role": "supervisor"}),
    ("admin scope", {"person": person_id("grace"), "reads": person_id("bela")}),
    ("admin scope remove", {"person": person_id("grace"), "kind": "everyone"}),
]


class Ear:
    """A responder that keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def private(self, reply: Reply) -> None:
        self.said.append(reply.text)

    async def public(self, reply: Reply) -> None:
        raise AssertionError(reply.text)

    async def form(self, form: Form) -> None:
        self.said.append(form.title)

    async def update(self, reply: Reply) -> None:
        self.said.append(reply.text)


def too_late(team: Office, name: str, arguments: dict[str, str], ear: Ear) -> Context:
    """A command of somebody who was admin when it began, and is not now."""
    person = PersonRef(WORKSPACE_ID, person_id("ana"))
    place = place_ref(WORKSPACE, {"name": direct_channel("ana"), "kind": "direct"}, "")
    invocation = Invocation(
        delivery_id=str(uuid4()), person=person, place=place, command=name, arguments=arguments, responder=ear
    )
    services = Services(
        team.team.bench, {"local": team.team.local}, all_commands(), team.recorder, team.team.serving.signals
    )
    return Context(services, invocation, team.key, Standing({"admin": frozenset({"granted"})}), private=True)


@pytest.mark.parametrize(("name", "arguments"), CHANGING)
async def test_nothing_is_changed_and_that_is_recorded(url: str, name: str, arguments: dict[str, str]) -> None:
    command = all_commands().find(name)
    assert command is not None
    async with office(url) as team:
        context = too_late(team, name, arguments, Ear())
        with pytest.raises(NotAllowed, match="Only admins can do that here"):
            await command.run(context, command.read(arguments))

        assert await team.audit("outcome") == [("refused",)]


async def test_nothing_of_the_access_log_is_shown(url: str) -> None:
    command, ear = all_commands().find("admin audit"), Ear()
    assert command is not None
    async with office(url) as team:
        await team.type("lin", "admin settings notice:no")
        await command.run(too_late(team, "admin audit", {}, ear), {})

        assert "changed settings" not in ear.said[0]
        assert "Nothing was recorded of that kind." in ear.said[0]
