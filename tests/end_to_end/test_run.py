"""`threadkeeper`: the bot with its playground, as whoever tries it starts it."""

import os
import re
import signal
import socket
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.end_to_end.program import Program, Running

_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")


def address_of(running: Running) -> str:
    running.wait_for("(this machine alone can; Ctrl-C ends)")
    found = _ADDRESS.search(running.shown)
    assert found
    return found[0]


def page(address: str, path: str = "/", **headers: str) -> str:
    with urlopen(Request(address + path, headers=headers), timeout=20) as answer:
        text: str = answer.read().decode()
    return text


def end(running: Running, number: int) -> int:
    os.kill(running.pid, number)
    return running.end()


def test_without_a_command_the_playground_is_served(new_program: Program) -> None:
    with new_program.start(PLAYGROUND_PORT="0") as running:
        address = address_of(running)
        assert "data/threadkeeper.db" in running.shown
        assert "No model is configured" in running.shown
        shown = page(address)
        assert "Ada" in shown
        assert "general" in shown
        assert end(running, signal.SIGINT) == 0
    assert "Traceback" not in running.shown


def test_run_says_the_same_and_ends_when_it_is_told_to(new_program: Program) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with new_program.start("run", PLAYGROUND_PORT="0") as running:
            page(address_of(running))
            assert end(running, number) == 0


def test_what_is_seeded_is_seeded_once(new_program: Program) -> None:
    for _ in range(2):
        with new_program.start(PLAYGROUND_PORT="0") as running:
            shown = page(address_of(running))
            running.kill()
        assert shown.count(">Chen<") <= 1


def test_a_second_one_names_the_first(new_program: Program) -> None:
    with new_program.start(PLAYGROUND_PORT="0") as running:
        address_of(running)
        second = new_program.run(PLAYGROUND_PORT="0")
        assert second.code == 1
        assert str(running.pid) in second.err
        assert "Traceback" not in second.err


def test_a_port_that_is_taken_is_a_sentence(new_program: Program) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ran = new_program.run(PLAYGROUND_PORT=port)
    assert ran.code == 1
    assert f"Port {port}" in ran.err
    assert "Traceback" not in ran.err


def test_without_any_platform_it_says_what_to_set(new_program: Program) -> None:
    ran = new_program.run(LOCAL_PLAYGROUND="false")
    assert ran.code == 1
    assert "LOCAL_PLAYGROUND" in ran.err


def test_another_name_of_this_machine_is_refused(new_program: Program) -> None:
    with new_program.start(PLAYGROUND_PORT="0") as running:
        address = address_of(running)
        with pytest.raises(HTTPError) as refused:
            page(address, Host="evil.example")
        with refused.value as answer:
            assert 400 <= answer.code < 500
