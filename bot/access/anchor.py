"""The anchor: where each workspace's audit ended is also written down outside of the database, before it is shown.

A chain shows that rows were changed, but not that its end was cut off, that it was written anew with its key, or that
an old database was put back. The anchor does. Each line is a moment, a row, its digest and the workspace:

    2026-11-22T12:00:00.000000Z 17 5f0c…e1 slack:T1
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.access.secret import beside, sync_folder
from bot.errors import StorageUnavailable

_HOUR = len("2026-11-22T12")
_DIGEST_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Head:
    """Where a workspace's audit ends."""

    workspace_id: str
    seq: int
    digest: str
    at: datetime

    @property
    def line(self) -> str:
        """As it stands in the file."""
        moment = self.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return f"{moment} {self.seq} {self.digest} {self.workspace_id}\n"


def anchor_path(database_url: str, chosen: str | os.PathLike[str] | None = None) -> Path:
    """The chosen file, or the one that goes with the database."""
    return Path(chosen) if chosen else beside(database_url, "anchor")


class Anchor:
    """A file that only grows, until it is long: then of each workspace and hour the last line stays.

    Several processes of one machine may write to it. Each machine has its own.
    """

    def __init__(self, path: Path, *, longest: int = 1 << 20) -> None:
        """Name the file; it is made when first written.

        Args:
            path: the file.
            longest: from how many bytes on it is shortened.
        """
        self.path = path
        self._longest = longest
        self._shorten_at = longest

    def append(self, heads: Iterable[Head]) -> None:
        """Write down where audits end; durable when this returns.

        Raises:
            StorageUnavailable: it could not be written; whoever asked may not be shown anything.
        """
        lines = "".join(head.line for head in heads).encode()
        try:
            with self._locked() as descriptor:
                size = os.fstat(descriptor).st_size
                if size and os.pread(descriptor, 1, size - 1) != b"\n":
                    lines = b"\n" + lines  # what a full disk left of an earlier line stays by itself
                _write(descriptor, lines)
                os.fsync(descriptor)
                if size + len(lines) >= self._shorten_at:
                    self._shorten(descriptor)
        except OSError as error:
            said = f"The audit's anchor {self.path} cannot be written ({error.strerror}), so nothing is shown."
            raise StorageUnavailable(said) from error

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """The open file, while nobody else writes to it or replaces it."""
        while True:
            descriptor = self._open()
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if _is_at(descriptor, self.path):
                    yield descriptor
                    return
            finally:
                os.close(descriptor)

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        try:
            return os.open(self.path, flags)
        except FileNotFoundError:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.path, flags | os.O_CREAT, 0o600)
            sync_folder(self.path.parent)
            return descriptor

    def _shorten(self, descriptor: int) -> None:
        with open(descriptor, "rb", closefd=False) as file:
            file.seek(0)
            kept = "".join(_last_of_hours(file.read().decode("utf-8", "replace").splitlines(keepends=True))).encode()
        fresh = self.path.with_name(f".{self.path.name}.shorter")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(kept)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        sync_folder(self.path.parent)
        self._shorten_at = max(self._longest, 2 * len(kept))


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)


def _last_of_hours(lines: Sequence[str]) -> Iterator[str]:
    """Of each workspace and hour the last line; and each line behind which the audit went back."""
    next_seq: dict[tuple[str, str], int] = {}
    kept = []
    for line in reversed(lines):
        if (head := _read(line)) is None:
            continue
        moment = line[:_HOUR]
        behind = next_seq.get((head.workspace_id, moment))
        if behind is None or behind <= head.seq:
            kept.append(line)
        next_seq[head.workspace_id, moment] = head.seq
    return reversed(kept)


def _read(line: str) -> Head | None:
    parts = line.rstrip("\n").split(" ", 3)
    try:
        moment, seq, digest, workspace_id = parts
        at = datetime.fromisoformat(moment)
        head = Head(workspace_id, int(seq), digest, at)
    except ValueError:
        return None
    return head if len(digest) == _DIGEST_CHARACTERS and head.line == line else None


@dataclass(frozen=True, slots=True)
class Anchored:
    """What anchors say: for each workspace, row → digests; and how many lines cannot be read."""

    of: Mapping[str, Mapping[int, frozenset[str]]]
    unreadable: int


def read_anchors(paths: Iterable[Path]) -> Anchored:
    """Read the anchors of all machines.

    Raises:
        StorageUnavailable: one cannot be read.
    """
    found: dict[str, dict[int, frozenset[str]]] = {}
    unreadable = 0
    for path in paths:
        try:
            with path.open(encoding="utf-8", errors="replace", newline="\n") as lines:
                for line in lines:
                    head = _read(line)
                    if head is None:
                        unreadable += 1
                        continue
                    rows = found.setdefault(head.workspace_id, {})
                    rows[head.seq] = rows.get(head.seq, frozenset()) | {head.digest}
        except OSError as error:
            raise StorageUnavailable(f"The anchor {path} cannot be read: {error.strerror}.") from error
    return Anchored(found, unreadable)
