"""Programs that tests start, watch and kill: only their own, through their handles."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[1]


def program(code: str, *arguments: str, before: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Start a Python program in this project's environment; `before` is what it runs under, such as strace."""
    return subprocess.Popen(
        [*before, sys.executable, "-c", dedent(code), *arguments],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def output_of(code: str, *arguments: str, before: Sequence[str] = ()) -> tuple[int, str]:
    """Run a program to its end: its exit status (minus the signal that killed it) and what it printed."""
    with program(code, *arguments, before=before) as running:
        out, errors = running.communicate(timeout=60)
    return running.returncode, out + (errors if running.returncode > 0 else "")
