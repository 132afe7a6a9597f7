"""The record of a turn's posts, in the database; every word of it outlives the process."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from bot.chat import PostKey
from bot.storage.store import Store
from bot.turns.insist import insist
from bot.turns.options import TurnOptions
from bot.turns.post_keys import post_value
from bot.turns.post_rows import accept_post, forget_post, give_up_post
from bot.turns.turn_values import Post


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
    """

    def __init__(
        self,
        store: Store,
        owner_id: str,
        posts: dict[int, Post],
        begin: Callable[[Connection, int, str, datetime], Post],
        options: TurnOptions,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._owner_id = owner_id
        self._begin = begin
        self._options = options
        self._now = now
        self.posts = posts
        self._at_hand: PostKey | None = None

    def value(self, part: int) -> str:
        """The key of a part, as text."""
        return post_value(self._owner_id, part)

    def recorded(self, post: Post, until: float) -> None:
        """Take note of a post that was recorded as being sent together with something else."""
        self.posts[post.part] = post
        self._at_hand = PostKey(post.value, until)

    def at_hand(self, part: int) -> bool:
        return self._at_hand is not None and self._at_hand.value == self.value(part)

    async def begin(self, part: int) -> PostKey:
        if self._at_hand is not None and self.at_hand(part):
            key, self._at_hand = self._at_hand, None
            return key
        until = self.lease_end()
        value = self.value(part)
        self.posts[part] = await insist(lambda: self._store.write(self._begin, part, value, self._now()))
        return PostKey(value, until)

    def lease_end(self) -> float:
        """Until when a lease holds that is renewed now; where one process works, for ever."""
        return time.monotonic() + self._options.lease.total_seconds() if self._store.shared else float("inf")

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
