"""Slack's export: which of its messages are dialogue, who speaks in them, and to which thread they belong."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from bot.errors import ImportFailed
from bot.importing import fields
from bot.importing.records import Entry, ImportedMessage, ImportedThread, Progress
from bot.importing.slack_archive import Channel, open_archive, read_channels, read_objects
from bot.importing.slack_people import People, read_people

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TS = re.compile(r"([0-9]{1,11})\.([0-9]{6})")


@dataclass(frozen=True, slots=True)
class _Post:
    """Something said in a channel by `speaker`, a user id.

    `root` is the ts of the message with which its thread begins; empty in a direct message, which is one thread.
    """

    speaker: str
    ts: str
    root: str
    text: str
    member: str
    number: int


@dataclass(frozen=True, slots=True)
class SlackExport:
    """A Slack export, of which one day of one channel at a time is in memory.

    Also in memory are, for one channel at a time, who spoke last in each thread, and what the bot posted there while
    nobody had answered. `total` is the unpacked size of all days.
    """

    path: Path
    total: int
    people: People
    channels: tuple[Channel, ...]

    @classmethod
    def open(cls, path: Path, bot_user: str, team: str | None) -> "SlackExport":
        """Read who and which channels are in the export.

        Raises:
            ImportFailed: the archive or one of its lists is not what Slack exports.
            InvalidArgument: `bot_user` is not in the export; `team` is malformed, or needed and not given.
        """
        with open_archive(path) as archive:
            people = read_people(archive, bot_user, team)
            channels = read_channels(archive)
            total = sum(archive.getinfo(day).file_size for channel in channels for day in channel.days)
        return cls(path, total, people, channels)

    @property
    def workspace(self) -> str:
        """The workspace that was exported."""
        return f"slack:{self.people.team}"

    def entries(self, progress: Progress) -> Iterator[Entry]:
        """Read the export once: channel by channel, day by day, in the order of time.

        Raises:
            ImportFailed: names the member and the message in its list.
        """
        done = 0

        def read(size: int) -> None:
            nonlocal done
            done += size
            progress(done, self.total)

        with open_archive(self.path) as archive:
            for channel in self.channels:
                for post, person in _attributed(self._posts(archive, channel, read), self.people.bot_user):
                    yield self._entry(channel, post, person)

    def _posts(self, archive: ZipFile, channel: Channel, read: Callable[[int], None]) -> Iterator[_Post]:
        """What is said in a channel, in the order of time; `read` is told the size of each day."""
        for member in channel.days:
            posts = []
            for number, message in read_objects(archive, member):
                with fields.located(f"{member}, message {number}"):
                    speaker = self.people.speaker(message)
                    if speaker is not None and (text := _text(message)):
                        ts, root = _times(message, channel)
                        posts.append(_Post(speaker, ts, root, text, member, number))
            yield from sorted(posts, key=lambda post: (len(post.ts), post.ts))
            read(archive.getinfo(member).file_size)

    def _entry(self, channel: Channel, post: _Post, person: str) -> Entry:
        conversation = f"slack:{self.people.team}:{channel.id}"
        resource_id = f"slack:{self.people.team}:{person}"
        thread_id = f"{conversation}:{post.root}" if post.root else conversation
        message = ImportedMessage(
            id=f"{conversation}:{post.ts}",
            thread_id=thread_id,
            resource_id=resource_id,
            role="assistant" if post.speaker == self.people.bot_user else "user",
            text=post.text,
            created_at=moment(post.ts),
            person_name=self.people.names.get(person, ""),
            line=post.number,
            member=post.member,
        )
        channel_id = "" if channel.kind == "direct" else conversation
        return Entry(ImportedThread(thread_id, resource_id, "", channel.kind, channel.name, channel_id), message)


def _attributed(posts: Iterable[_Post], bot_user: str) -> Iterator[tuple[_Post, str]]:
    """Each post with the person who says it or, for the bot's, the last person who spoke in its thread.

    What the bot posts before anybody speaks waits for its first answer and belongs to whoever gives it. What nobody
    ever answers is no dialogue and belongs to nobody; it is dropped.
    """
    last: dict[str, str] = {}
    waiting: dict[str, list[_Post]] = {}
    for post in posts:
        if post.speaker != bot_user:
            last[post.root] = post.speaker
            for early in waiting.pop(post.root, ()):
                yield early, post.speaker
        elif post.root not in last:
            waiting.setdefault(post.root, []).append(post)
            continue
        yield post, last[post.root]


def _text(message: Mapping[str, Any]) -> str:
    """What a message says, as Slack writes it. Empty where it only carries a file, which is nothing to import."""
    text = "" if message.get("text") is None else fields.short_enough(fields.string(message, "text"))
    return text if text.strip() else ""


def _times(message: Mapping[str, Any], channel: Channel) -> tuple[str, str]:
    """The `ts` and the `root` of a post."""
    ts = _ts(message, "ts")
    if channel.kind == "direct":
        return ts, ""
    return ts, _ts(message, "thread_ts") if "thread_ts" in message else ts


def _ts(message: Mapping[str, Any], name: str) -> str:
    """Slack's time and id of a message. It stays a string: a float would lose its last digits."""
    value = fields.required(message, name)
    if not _TS.fullmatch(value):
        raise ImportFailed(f'"{name}" is no time of Slack; they look like 1355517523.000005')
    return value


def moment(ts: str) -> datetime:
    """The time of a ts, exact to the microsecond."""
    seconds, microseconds = ts.split(".")
    return _EPOCH + timedelta(seconds=int(seconds), microseconds=int(microseconds))
