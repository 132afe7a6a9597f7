"""What is written to the terminal. Whatever comes from outside passes `bot.visible` here, and nothing is markup."""

import errno
import sys
from typing import TextIO

from rich.console import Console, RenderableType
from rich.text import Text

from bot.visible import visible, visible_line


class Screen:
    """Standard output for what was asked for, standard error for what is said about it."""

    def __init__(self) -> None:
        self._out = _console(sys.stdout)
        self._err = _console(sys.stderr)

    @property
    def interactive(self) -> bool:
        """Whether a person sits in front of it: both its input and its output are a terminal."""
        return self._out.is_terminal and sys.stdin.isatty()

    def piece(self, text: str, style: str | None = None) -> None:
        """A part of what is said, without a line's end; the terminal wraps it."""
        self._out.out(visible(text), end="", style=style, highlight=False)

    def say(self, text: str = "", style: str | None = None) -> None:
        """Text on lines of its own."""
        self._out.out(visible(text), style=style, highlight=False)

    def indented(self, text: str) -> None:
        """Somebody's words. None of their lines begins where ours do, so that they cannot pass for ours."""
        if self._out.is_terminal:
            from rich.padding import Padding  # noqa: PLC0415 (slow to load, for a terminal only)

            self._out.print(Padding(Text(visible(text)), (0, 0, 0, 2)), markup=False, highlight=False)
        else:
            self.say("\n".join(f"  {line}" for line in visible(text).split("\n")))

    def show(self, renderable: RenderableType) -> None:
        """Something of Rich's whose texts are made by `cell`."""
        self._out.print(renderable, markup=False, highlight=False)

    def note(self, text: str) -> None:
        """Something about the work, on standard error."""
        self._err.out(visible(text), highlight=False)

    def sorry(self, sentence: str) -> None:
        """What went wrong, in one sentence."""
        self._err.out(visible(sentence), style="red", highlight=False)


def cell(text: str, style: str = "") -> Text:
    """One line of text for a table."""
    return Text(visible_line(text), style=style, overflow="fold")


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Nobody reads any more: that is an error like others, where Rich would end the process from any thread."""
        raise BrokenPipeError(errno.EPIPE, "nobody reads any more")


def _console(stream: TextIO) -> Console:
    return _Console(file=stream, highlight=False, markup=False, emoji=False)
