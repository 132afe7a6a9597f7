"""Delivers a text as posts: each is sent once, whatever happened before, and says in the end what it is to say."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bot.chat import Absent, Conversation, Finding, Found, PostKey, Reply, Unknown
from bot.errors import PlatformBusy, PlatformUnreachable, PostRefused, PostUncertain, TurnLost
from bot.turns.growing import Growing
from bot.turns.turn_values import Post

_log = structlog.get_logger(__name__)

#: How often a platform is asked for a post before nobody can say whether it is there.
_SEARCHES = 4


class PostLog(Protocol):
    """The record of an answer's posts. Each method returns when what it says is durable."""

    @property
    def posts(self) -> dict[int, Post]:
        """What is recorded, by part."""
        ...

    def at_hand(self, part: int) -> bool:
        """Whether this process has just recorded a part as being sent, and has not begun to send it."""
        ...

    def check(self) -> None:
        """To be called before a post is changed.

        Raises:
            TurnLost: somebody else may deliver this by now.
        """
        ...

    async def begin(self, part: int) -> PostKey:
        """Record that a part is about to be sent.

        Raises:
            TurnLost: somebody else delivers this now.
            NotFound: what is to be delivered is out of date.
        """
        ...

    async def accepted(self, part: int, post_id: str) -> None:
        """Record that the platform took a part."""
        ...

    async def unsent(self, part: int) -> None:
        """Record that a part was not sent after all."""
        ...

    async def ambiguous(self, part: int) -> None:
        """Record that nobody can say whether a part was sent. It never will be again."""
        ...

    async def gone(self, part: int) -> None:
        """Record that a part was deleted."""
        ...


class Delivery:
    """One answer on its way into one place.

    Args:
        conversation: the place.
        log: what was posted of this answer before, by whichever process.
        settling: how long after a post was about to be sent the platform can tell whether it was.
        now: the clock.
    """

    def __init__(
        self, conversation: Conversation, log: PostLog, settling: timedelta, now: Callable[[], datetime]
    ) -> None:
        self._conversation = conversation
        self._log = log
        self._settling = settling
        self._now = now
        #: What this process knows to stand in a post.
        self._shown: dict[int, str] = {}
        #: The parts whose last text was handed over.
        self._ended: set[int] = set()

    @property
    def begun(self) -> bool:
        """Whether something may have been posted."""
        return any(post.state != "planned" for post in self._log.posts.values())

    async def deliver(self, reply: Reply) -> None:
        """Let the place show exactly this, going on from whatever was posted before. Buttons and files end its text.

        Raises:
            PlatformError: a part could not be sent, or it is unknown whether it was.
            TurnLost: somebody else delivers this now.
            NotFound: the text is out of date.
        """
        parts = self._conversation.split(reply.text)
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            await self._bring_about(number, replace(reply, text=part) if last else Reply(part))
        for number in sorted(number for number in self._log.posts if number >= len(parts)):
            await self._remove(number)

    async def withdraw(self) -> None:
        """Delete what was posted.

        Raises:
            PlatformError: a post could not be deleted.
        """
        for number in sorted(self._log.posts):
            await self._remove(number)

    async def stream(self, growing: Growing, recorded: Callable[[], Awaitable[bool]]) -> None:
        """Show a text while it grows. The last of it is shown only when `recorded` has said whether it is rateable.

        Raises:
            PlatformError: a part could not be sent, or it is unknown whether it was.
            TurnLost: somebody else delivers this now.
            BaseException: the reason for which the text was given up.
        """
        number = 0
        while True:
            self._ended.discard(number)
            await self._open(number, self._part(number, growing, recorded))
            if number not in self._ended:
                # A stream that broke off, and an adapter that took it for whole.
                self._shown.pop(number, None)
                raise PostUncertain
            if growing.whole and number == len(self._conversation.split(growing.text)) - 1:
                return
            number += 1

    async def _part(
        self, number: int, growing: Growing, recorded: Callable[[], Awaitable[bool]]
    ) -> AsyncGenerator[Reply, None]:
        """One part, each time that it has grown; at last as it stays."""
        rateable = False
        while True:
            seen, whole = growing.text, growing.whole
            parts = self._conversation.split(seen)
            if len(parts) > number + 1:
                break
            if whole:
                rateable = await recorded()
                # It may have been given a last sentence.
                parts = self._conversation.split(growing.text)
                break
            if len(parts) == number + 1 and parts[number] != self._shown.get(number):
                self._log.check()
                self._shown[number] = parts[number]
                yield Reply(parts[number])
            await growing.more(len(seen))
        self._log.check()
        self._shown[number] = parts[number]
        self._ended.add(number)
        yield Reply(parts[number], rateable=rateable and number == len(parts) - 1)

    async def _open(self, number: int, replies: AsyncGenerator[Reply, None]) -> None:
        async def opened(post_id: str) -> None:
            await self._log.accepted(number, post_id)

        key = await self._log.begin(number)
        await self._sending(number, self._conversation.stream(replies, key, opened))

    async def _bring_about(self, number: int, reply: Reply) -> None:
        """Let a part be posted and say `reply`, whatever is known of it."""
        post = self._log.posts.get(number)
        if post is None or post.state == "planned" or self._log.at_hand(number):
            await self._send(number, reply)
        elif post.state == "sending":
            await self._clear_up(number, post, reply)
        elif post.state == "accepted" and post.post_id is not None and self._shown.get(number) != reply.text:
            self._log.check()
            self._shown.pop(number, None)
            await self._conversation.edit(post.post_id, reply)
            self._shown[number] = reply.text

    async def _send(self, number: int, reply: Reply) -> None:
        key = await self._log.begin(number)
        post_id = await self._sending(number, self._conversation.answer(reply, key))
        await self._log.accepted(number, post_id)
        self._shown[number] = reply.text

    async def _sending(self, number: int, post: Awaitable[str]) -> str:
        try:
            return await post
        except (PlatformBusy, PlatformUnreachable, PostRefused, TurnLost):
            # Each of these says that nothing was sent; what was opened before stays opened.
            self._shown.pop(number, None)
            if self._log.posts[number].state == "sending":
                await self._log.unsent(number)
            raise
        except BaseException:
            self._shown.pop(number, None)
            raise

    async def _clear_up(self, number: int, post: Post, reply: Reply) -> None:
        """Find out whether a part was sent by somebody who could not say so, and let it say `reply`."""
        match await self._find(post):
            case Found(post_id):
                await self._log.accepted(number, post_id)
                # It may be a stream that broke off.
                await self._bring_about(number, reply)
            case Absent():
                await self._log.unsent(number)
                await self._send(number, reply)
            case _:
                await self._give_up(number, post)

    async def _remove(self, number: int) -> None:
        post = self._log.posts[number]
        if post.state == "sending":
            found = await self._find(post)
            if isinstance(found, Found):
                await self._log.accepted(number, found.post_id)
                post = self._log.posts[number]
            elif not isinstance(found, Absent):
                await self._give_up(number, post)
                return
        if post.state == "ambiguous":
            return
        if post.post_id is not None:
            self._log.check()
            await self._conversation.delete(post.post_id)
        await self._log.gone(number)
        self._shown.pop(number, None)

    async def _find(self, post: Post) -> Finding:
        """Ask the platform for a post, as soon as it can tell; and again where it does not."""
        waited = self._now() - post.sent_at
        pause = min(self._settling, max(self._settling - waited, timedelta()))
        found: Finding = Unknown()
        for tried in range(_SEARCHES):
            await asyncio.sleep(pause.total_seconds())
            found = await self._conversation.find(PostKey(post.value, tried_at=post.sent_at))
            if not isinstance(found, Unknown):
                break
            pause = self._settling * 2**tried
        return found

    async def _give_up(self, number: int, post: Post) -> None:
        _log.error("a post is ambiguous: perhaps it was made, it is not made again", key=post.value)
        await self._log.ambiguous(number)
