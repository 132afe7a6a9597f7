"""The real program in a process of its own: over pipes, and in a terminal of its own."""

import asyncio
import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bot import Actor, Memory, Message

PROGRAM = (sys.executable, "-m", "bot")
#: Makes the terminal that the process stands in its own, so that Ctrl-C reaches it; and lets Ctrl-C do what it does at
#: a login, for a test run in the background has it ignored, which children inherit.
_IN_TERMINAL = (
    "import fcntl, os, signal, sys, termios; signal.signal(signal.SIGINT, signal.SIG_DFL);"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
_SECONDS = 60


def environment(**settings: str) -> dict[str, str]:
    """A clean environment: nothing of the machine's settings, and nothing of ours."""
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "dumb", **settings}


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Program:
    """The program in a folder of its own."""

    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "data" / "threadkeeper.db"

    def conversations(self, person: str, workspace: str = "local:default") -> list[list[Message]]:
        """What is stored for a person, read through the library: her conversations, the oldest first."""

        async def read() -> list[list[Message]]:
            async with await Memory.open(self.database, purpose="reader", workspace=workspace) as memory:
                view = memory.as_actor(Actor.person(person))
                threads = await view.list_threads(per_page=None, order_by=("created_at", "ASC"))
                return [list((await view.recall(thread.id, per_page=None)).items) for thread in threads.items]

        with ThreadPoolExecutor(1) as pool:  # also where a loop is running already
            return pool.submit(asyncio.run, read()).result()

    def run(self, *arguments: str, said: str = "", **settings: str) -> Ran:
        """Run a command to its end; `said` is its input."""
        done = subprocess.run(
            (*PROGRAM, *arguments),
            cwd=self.folder,
            env=environment(**settings),
            input=said.encode(),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: str, **settings: str) -> "Running":
        """Start a command with pipes."""
        process = subprocess.Popen(
            (*PROGRAM, *arguments),
            cwd=self.folder,
            env=environment(**settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        return Running(process, process.stdin.fileno(), process.stdout.fileno())

    def start_in_terminal(self, *arguments: str, **settings: str) -> "Running":
        """Start a command in a terminal."""
        ours, its = pty.openpty()
        process = subprocess.Popen(
            (sys.executable, "-c", _IN_TERMINAL, *PROGRAM, *arguments),
            cwd=self.folder,
            env=environment(**settings),
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
        )
        os.close(its)
        return Running(process, ours, ours)


class Running:
    """A started command: say something, wait until it said something, end it."""

    def __init__(self, process: "subprocess.Popen[bytes]", to: int, back: int) -> None:
        self._process = process
        self._to = to
        self._back = back
        #: All that it has shown so far.
        self.shown = ""

    @property
    def pid(self) -> int:
        return self._process.pid

    def say(self, text: str) -> None:
        os.write(self._to, text.encode())

    def wait_for(self, text: str, times: int = 1) -> None:
        """Read until `text` was shown so often."""
        end = time.monotonic() + _SECONDS
        while self.shown.count(text) < times:
            assert time.monotonic() < end, f"no {text!r} in {self.shown!r}"
            if select.select([self._back], [], [], 0.1)[0] and not self._read():
                assert self.shown.count(text) >= times, f"ended without {text!r}: {self.shown!r}"

    def stop_reading(self) -> None:
        """As `head` does when it has enough."""
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._back = -1

    def kill(self) -> None:
        """Kill it as an out-of-memory killer does."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(_SECONDS)

    def end(self, pressing: str = "") -> int:
        """Wait until it has left by itself, `pressing` a key as long as it stands at its prompt, as a person does.

        Python's prompt misses a Ctrl-C that comes in the moment between its words and its waiting for a key.
        """
        if self._to != self._back and self._process.stdin is not None:
            self._process.stdin.close()
        end = time.monotonic() + _SECONDS
        going = self._back >= 0
        while going:
            assert time.monotonic() < end, f"it does not end: {self.shown!r}"
            if pressing and not self.shown.endswith("\n"):
                self.say(pressing)
            while going and select.select([self._back], [], [], 0.5)[0]:
                going = self._read()
        return self._process.wait(_SECONDS)

    def _read(self) -> bool:
        try:
            piece = os.read(self._back, 65_536)
        except OSError:  # a terminal whose other side is gone
            piece = b""
        self.shown += piece.decode(errors="replace")
        return bool(piece)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        if self._to == self._back:
            with contextlib.suppress(OSError):
                os.close(self._to)
