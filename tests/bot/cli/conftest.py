"""The same program as end to end."""

from tests.end_to_end.conftest import new_program, program

__all__ = ["new_program", "program"]
