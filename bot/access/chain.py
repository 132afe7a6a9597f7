"""The chain of the audit: each row's digest covers the row and the digest before it. Pure."""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Literal

from bot.storage.columns import microseconds

#: What can be wrong with a chain. "changed": a row is not what was written; "missing": rows are gone in the middle or
#: at the beginning; "moved": a row stands in another's place; "inserted": a row was never written by the bot; "cut
#: off": rows are gone at the end; "older": the database is older than what was written down outside of it; "fork": it
#: went on from an older state, or was written anew.
DamageKind = Literal["changed", "missing", "moved", "inserted", "cut off", "older", "fork"]


@dataclass(frozen=True, slots=True)
class Link:
    """A row of the audit, without its key, which is the database's own, and its workspace."""

    seq: int
    at: datetime
    actor_id: str
    actor_kind: str
    action: str
    subject_id: str | None
    object_id: str
    outcome: str
    category: str
    note: str
    #: What stands in the row; "" before it was written, and in rows from before there was a chain.
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Damage:
    """The first thing that is wrong with a chain, and at which row."""

    kind: DamageKind
    seq: int
    sentence: str


_COVERED = tuple(field.name for field in fields(Link) if field.name != "digest")


def digest_of(key: bytes, workspace_id: str, link: Link, previous: str) -> str:
    """The digest of a row that follows one with the digest `previous`; the first follows the workspace's id."""
    parts = [workspace_id, previous, *(getattr(link, name) for name in _COVERED)]
    return hmac.digest(key, b"".join(map(_encoded, parts)), "sha256").hex()


def _encoded(value: str | int | datetime | None) -> bytes:
    """A field with its length before it, so that no two rows are written alike."""
    if value is None:
        return b"\xff" * 8
    told = str(microseconds(value)) if isinstance(value, datetime) else str(value)
    data = told.encode("utf-8", "surrogatepass")
    return len(data).to_bytes(8) + data


def follows(key: bytes, workspace_id: str, link: Link, previous: str) -> bool:
    """Whether a row is what was written behind a row with the digest `previous`."""
    return hmac.compare_digest(digest_of(key, workspace_id, link, previous), link.digest)


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a chain begins behind: nothing, or the last of the rows that were swept."""

    seq: int = 0
    digest: str = ""


def swept_note(last: Beginning) -> str:
    """What the act of sweeping notes, from which verification takes the beginning."""
    return f"{last.seq}:{last.digest}"


def beginning_of(note: str) -> Beginning | None:
    """The beginning that `swept_note` wrote down; None where the note is another's."""
    seq, colon, digest = note.partition(":")
    if not colon or not seq.isascii() or not seq.isdecimal():
        return None
    return Beginning(int(seq), digest)


class Walk:
    """Verifies the rows of one workspace, from the first to the last, portion by portion."""

    def __init__(
        self, key: bytes, workspace_id: str, anchored: Mapping[int, frozenset[str]], beginning: Beginning
    ) -> None:
        """Begin.

        Args:
            key: the audit's.
            workspace_id: whose rows these are.
            anchored: what was written down outside: row → digests.
            beginning: behind what the first row stands.
        """
        self._key = key
        self._workspace_id = workspace_id
        self._anchored = anchored
        self.last = beginning
        #: Rows from before there was a chain, and rows that are whole.
        self.unchained = 0
        self.chained = 0

    def take(self, links: Iterable[Link]) -> Link | None:
        """Go on over the next rows; the first that is broken, where one is."""
        for link in links:
            if link.seq != self.last.seq + 1:
                return link
            if self._is_from_before(link):
                self.unchained += 1
            elif not (self._follows(link, self._before) and self._is_as_anchored(link)):
                return link
            else:
                self.chained += 1
            self.last = Beginning(link.seq, link.digest)
        return None

    def _is_from_before(self, link: Link) -> bool:
        """Whether a row is from before there was a chain: it can only stand before all others."""
        begun = self.chained or self.last.digest
        return not link.digest and not begun and link.seq not in self._anchored

    @property
    def _before(self) -> str:
        return self.last.digest or self._workspace_id

    def _is_as_anchored(self, link: Link) -> bool:
        return self._anchored.get(link.seq, frozenset((link.digest,))) == {link.digest}

    def explain(self, broken: Link, near: Sequence[Link], head: Beginning | None) -> Damage:
        """What became of the first broken row.

        Args:
            broken: as `take` returned it.
            near: the rows around it, as they stand, in order.
            head: where the workspace's head says that the chain ends.
        """
        seq = self.last.seq + 1
        after = next((one for one in near if one.seq > broken.seq), None)
        if broken.seq == seq and self._follows(broken, self._before):
            said = f"row {seq} is not the row {seq} that was written down outside: the chain was written anew from here"
            return Damage("fork", seq, f"{said}, or an older database was restored and went on.")
        if broken.seq != seq:
            return Damage("missing", seq, f"{_rows(seq, broken.seq - 1)} missing.")
        if (place := self._place_of(broken, near)) is not None:
            return Damage("moved", seq, f"row {seq} was written as row {place}.")
        if after is not None and self._follows(replace(after, seq=seq), self._before):
            return Damage("inserted", seq, f"row {seq} was put in by somebody else.")
        known = {one for digests in (self._anchored.get(seq, ()), self._head_at(seq, head)) for one in digests}
        if after is None and head is not None and head.seq < seq and broken.digest not in known:
            return Damage("inserted", seq, f"row {seq} stands behind the end of the chain.")
        if after is not None and (gone := self._shift(after, broken.digest, near, head)):
            return Damage(
                "missing", seq, f"{_rows(seq, seq + gone - 1)} missing; those behind were given other numbers."
            )
        return Damage("changed", seq, f"row {seq} is not what was written.")

    def end(self, head: Beginning | None) -> Damage | None:
        """Compare the last row with the head and with what was written down outside, when all rows are whole."""
        seq = self.last.seq
        if head is not None and head.seq > seq:
            return Damage("cut off", seq + 1, f"{_rows(seq + 1, head.seq)} missing at the end.")
        outside = max(self._anchored, default=0)
        if outside > seq:
            said = f"row {outside} was written down outside and the last row here is {seq}"
            return Damage("older", seq + 1, f"{said}: this is an older database, or its end was cut off with its head.")
        if head is None and self.chained:
            return Damage("changed", seq, "the head of the chain is gone.")
        if head is not None and head.seq < seq:
            return Damage("inserted", head.seq + 1, f"{_rows(head.seq + 1, seq)} behind the end of the chain.")
        if head is not None and head.digest != self.last.digest:
            return Damage("changed", seq, "the head of the chain is not what was written.")
        return None

    def _follows(self, link: Link, previous: str) -> bool:
        return follows(self._key, self._workspace_id, link, previous)

    def _head_at(self, seq: int, head: Beginning | None) -> tuple[str, ...]:
        return (head.digest,) if head is not None and head.seq == seq else ()

    def _place_of(self, broken: Link, near: Sequence[Link]) -> int | None:
        """Where a row was written, if the one that it followed is still there."""
        stood = {one.seq: one.digest for one in near}
        for place in stood:
            # The row before it may itself have changed its place, by one.
            before = {stood.get(place - 1), stood.get(place), stood.get(place + 1), self._before} - {None, ""}
            moved = replace(broken, seq=place)
            if place != broken.seq and any(self._follows(moved, one) for one in before if one is not None):
                return place
        return None

    def _shift(self, after: Link, previous: str, near: Sequence[Link], head: Beginning | None) -> int:
        """By how much the rows behind a gap were renumbered; 0 where they were not."""
        known = max(head.seq if head is not None else 0, max(self._anchored, default=0))
        most = max(known - near[-1].seq, 1)
        shifts = (one for one in range(1, most + 1) if self._follows(replace(after, seq=after.seq + one), previous))
        return next(shifts, 0)


def _rows(first: int, last: int) -> str:
    return f"row {first} is" if first == last else f"rows {first} to {last} are"
