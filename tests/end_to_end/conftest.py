"""The program in a folder of its own: a new one, or one with a database, which saves each test the making of it."""

import shutil
from pathlib import Path

import pytest

from tests.end_to_end.program import Program


@pytest.fixture
def new_program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture
def program(new_program: Program, sqlite_template: Path) -> Program:
    new_program.database.parent.mkdir(mode=0o700)
    shutil.copy(sqlite_template, new_program.database)
    new_program.database.chmod(0o600)
    return new_program
