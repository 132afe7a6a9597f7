"""What a person types, or what a pipe brings: line by line."""

import sys
from collections.abc import Iterator
from contextlib import suppress


def read_lines(prompt: str, *, interactive: bool) -> Iterator[str]:
    """The lines until their end (Ctrl-D); in a terminal after a prompt, where lines can be edited.

    Raises:
        KeyboardInterrupt: Ctrl-C while waiting.
    """
    if not interactive:
        for line in sys.stdin:
            yield line.rstrip("\n")
        return
    with suppress(ImportError):
        import readline  # noqa: F401, PLC0415 (makes `input` edit lines, where the system has it)
    while True:
        try:
            line = input(prompt)
        except EOFError:
            return
        yield line
