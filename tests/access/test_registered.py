"""Nothing is registered that the policy does not know: command, option, address, word of the command line."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
import typer
from starlette.routing import BaseRoute, Mount, Route

from adapters.local.adapter import LocalAdapter
from adapters.local.conversation import World
from adapters.local.playground.app import ROUTES as SERVED
from adapters.local.playground.app import playground_app
from adapters.local.playground.news import News
from bot.cli.app import app as program
from bot.commands.declaration import Command, Option, Registry
from bot.commands.registry import all_commands
from tests.access.policy import CLI, COMMANDS, NAMED, ROUTES, SUBJECTS, VERDICTS
from tests.bot.turns.team import wall_clock


def unknown_commands(registry: Iterable[Command]) -> list[str]:
    """What a registry holds and the policy does not, and the other way round."""
    declared = {one.name: {option.name for option in one.options} for one in registry}
    known = {name: {*rule.names, *rule.plain} for name, rule in COMMANDS.items()}
    assert all(len(known[name]) == len(rule.names) + len(rule.plain) for name, rule in COMMANDS.items())
    names = sorted(set(declared) ^ set(known))
    options = [
        f"{name}: {option}"
        for name in sorted(set(declared) & set(known))
        for option in sorted(declared[name] ^ known[name])
    ]
    return [*names, *options]


def unknown_routes(routes: Iterable[BaseRoute]) -> list[str]:
    served = set()
    for route in routes:
        if isinstance(route, Mount) and route.path == "/static":
            continue  # the same files for everybody
        served.add(
            (route.name, route.path, *sorted((route.methods or set()) - {"HEAD"}))
            if isinstance(route, Route)
            else (type(route).__name__, str(route))
        )
    known = {(name, _declared(one.path), one.method) for name, one in ROUTES.items()}
    return sorted(str(one) for one in served ^ known)


def _declared(path: str) -> str:
    return path.replace("/0", "/{number}")


def unknown_words(of: typer.Typer) -> list[str]:
    group: Any = typer.main.get_command(of)
    declared = {name: {one.name for one in command.params} for name, command in group.commands.items()}
    root = {one.name for one in group.params}
    known: Mapping[str, Any] = {name: set(options) for name, (_whose, options) in CLI.items()}
    names = sorted(set(declared) ^ set(known))
    options = [f"{name}: {option}" for name in set(declared) & set(known) for option in declared[name] ^ known[name]]
    return [*names, *options, *sorted(root - {"version", "verbose"})]


def test_every_command_and_every_option_stands_in_the_policy() -> None:
    assert unknown_commands(all_commands()) == []


def test_every_address_stands_in_the_policy() -> None:
    world = World(None, wall_clock, b"")  # type: ignore[arg-type]
    app = playground_app(LocalAdapter(world), world, all_commands(), News(), secret=b"", port=1)
    assert unknown_routes(SERVED) == []
    assert unknown_routes(app.routes) == []


def test_every_word_of_the_command_line_stands_in_the_policy() -> None:
    assert unknown_words(program) == []


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_subject_has_a_cell_in_every_row(subject: str) -> None:
    missing = [name for name, rule in COMMANDS.items() if subject not in rule.who]
    missing += [name for name, rule in COMMANDS.items() if rule.names and subject not in rule.cells]
    assert missing == []


def test_the_policy_says_only_what_it_can_mean() -> None:
    said = {verdict for rule in COMMANDS.values() for verdict in rule.who.values()}
    named = set()
    for rule in COMMANDS.values():
        for cells in rule.cells.values():
            named |= set(cells)
            said |= set(cells.values())
    assert (said, named) == (set(VERDICTS), set(NAMED))


# What is new is noticed


async def _nothing(_context: Any, _arguments: Any) -> None:
    """Does nothing."""


def test_a_new_command_and_a_new_option_are_noticed() -> None:
    some = list(all_commands())
    assert unknown_commands(Registry([*some, Command("peek", "See it all", _nothing, typed=False)])) == ["peek"]
    assert unknown_commands(some[1:]) == ["help"]
    assert unknown_commands([Command("help", "Help", _nothing, (Option("of", "Whose"),)), *some[1:]]) == ["help: of"]


def test_a_new_address_and_a_new_method_are_noticed() -> None:
    async def handler(_request: Any) -> Any:
        return None

    extra = Route("/as/{person}/all", handler, methods=["GET"], name="all")
    assert len(unknown_routes([*SERVED, extra])) == 1
    assert len(unknown_routes([*SERVED, Mount("/other", routes=[])])) == 1
    assert len(unknown_routes([*SERVED[1:], Route("/", handler, methods=["GET", "PUT"], name="home")])) == 2


def test_a_new_word_of_the_command_line_is_noticed() -> None:
    other = typer.Typer()

    @other.command()
    def peek(whose: str) -> None:
        """See it all: {whose}."""

    @other.command()
    def doctor(*, deep: bool = False) -> None:
        """Look deep."""

    noticed = unknown_words(other)
    assert "peek" in noticed
    assert "doctor: deep" in noticed
