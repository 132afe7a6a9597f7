"""The record of a turn's posts, in the database; every word of it outlives the process."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from bot.chat import PostKey
from bot.errors import TurnLost
from bot.storage.store import Store
from bot.turns.insist import insist
from bot.turns.options import TurnOptions
from bot.turns.post_keys import post_value
from bot.turns.post_rows import accept_post, forget_post, give_up_post
from bot.turns.turn_values import Post


def lease_end(store: Store, options: TurnOptions) -> float:
    """Until when a lease holds that is taken or renewed now, by `time.monotonic`; where one process works, for ever."""
    return time.monotonic() + options.lease.total_seconds() if store.shared else math.inf


@dataclass(frozen=True, slots=True)
class _HeldKey(PostKey):
    """A key that is good as long as the lease is renewed: a post may grow for longer than one lease lasts."""

    held: Callable[[], None] = lambda: None

    def check(self) -> None:
        self.held()


class StoredPosts:
    """A `PostLog` over the database.

    Args:
        store: the database.
        owner_id: the turn's or the job's id, of which the keys are made.
        posts: what is recorded so far.
        begin: the storage function that records a post as being sent, if the lease still holds: given the part, its
            key's value and the time.
        options: how long a lease lasts.
        now: the clock.
        held_until: until when the lease holds that was taken, as `lease_end` gives it.
    """

    def __init__(
        self,
        store: Store,
        owner_id: str,
        posts: dict[int, Post],
        begin: Callable[[Connection, int, str, datetime], Post],
        options: TurnOptions,
        now: Callable[[], datetime],
        held_until: float,
    ) -> None:
        self._store = store
        self._owner_id = owner_id
        self._begin = begin
        self._options = options
        self._now = now
        self.posts = posts
        self._held_until = held_until
        #: The part that was recorded as being sent, but has not begun to be.
        self._at_hand: int | None = None

    def value(self, part: int) -> str:
        """The key of a part, as text."""
        return post_value(self._owner_id, part)

    def reread(self, posts: Mapping[int, Post]) -> None:
        """Go on from what is recorded by now."""
        self.posts = dict(posts)
        self._at_hand = None

    def recorded(self, post: Post) -> None:
        """Take note of a post that was recorded as being sent together with something else."""
        self.posts[post.part] = post
        self._at_hand = post.part

    def renewed(self, until: float) -> None:
        """Take note that the lease holds until then, as `lease_end` gave it before it was renewed."""
        self._held_until = max(self._held_until, until)

    def check(self) -> None:
        if time.monotonic() >= self._held_until:
            raise TurnLost

    def at_hand(self, part: int) -> bool:
        return self._at_hand == part

    async def begin(self, part: int) -> PostKey:
        if self.at_hand(part):
            self._at_hand = None
        else:
            # One time for all tries: the same record twice is one.
            value, at = self.value(part), self._now()

            async def record() -> Post:
                until = lease_end(self._store, self._options)
                post = await self._store.write(self._begin, part, value, at)
                self.renewed(until)
                return post

            self.posts[part] = await insist(record)
        return _HeldKey(self.posts[part].value, self._held_until, held=self.check)

    async def accepted(self, part: int, post_id: str) -> None:
        value = self.posts[part].value
        await insist(lambda: self._store.write(accept_post, value, post_id))
        self.posts[part] = replace(self.posts[part], state="accepted", post_id=post_id)

    async def unsent(self, part: int) -> None:
        post = self.posts[part]
        await insist(lambda: self._store.write(give_up_post, post, "planned"))
        self.posts[part] = replace(post, state="planned")

    async def ambiguous(self, part: int) -> None:
        post = self.posts[part]
        await insist(lambda: self._store.write(give_up_post, post, "ambiguous"))
        self.posts[part] = replace(post, state="ambiguous")

    async def gone(self, part: int) -> None:
        value = self.posts[part].value
        await insist(lambda: self._store.write(forget_post, value))
        del self.posts[part]
