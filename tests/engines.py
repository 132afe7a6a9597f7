"""What the fixtures stand on: databases of the PostgreSQL server, a clock, what a machine must have for some tests."""

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

#: The public data sets stand beside the checkout and are never copied into it.
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

#: From which the keys of the tests are derived.
SECRET = "a secret that only the tests know"


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server, by the address of its maintenance database."""

    uri: str

    def url(self, name: str) -> str:
        """The address of one of its databases."""
        return urlunsplit(urlsplit(self.uri)._replace(path=f"/{name}"))

    def create(self, name: str, template: str | None = None) -> str:
        """Make a database, as a copy of `template` where one is named."""
        statement = sql.Composed([sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))])
        if template:
            statement += sql.SQL(" TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(template))
        self._run(statement)
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.uri, autocommit=True) as connection:
            connection.execute(statement)


@dataclass
class Clock:
    """A clock that moves on by `step` with each look; `now` is what it shows next."""

    now: datetime
    step: timedelta

    def __call__(self) -> datetime:
        shown = self.now
        self.now += self.step
        return shown


def missing_tools() -> dict[str, str]:
    """The marks whose tests cannot run here, each with what is missing."""
    browsers = ("chromium", "chromium-browser", "google-chrome")
    missing = {
        "data": None if DATA.is_dir() else f"the data sets at {DATA}",
        "browser": None if any(map(shutil.which, browsers)) else "a Chromium",
        "strace": None if shutil.which("strace") else "strace",
    }
    return {mark: what for mark, what in missing.items() if what}
