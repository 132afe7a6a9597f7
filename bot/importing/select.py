"""What of a file is imported: the dialogues with the bot, or everything.

A thread in which the bot speaks at least once is a dialogue and is imported whole: answers cannot be understood without
what the others said before them. Only a thread's last line may tell that it is one, so a file is read twice. The first
reading also checks all of it: a mistake on its last line is found before anything is stored.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from bot.errors import ImportFailed, InvalidArgument
from bot.importing.jsonl import JsonLines
from bot.importing.records import ImportRecord, Progress, Source, unwatched
from bot.importing.repeats import RepeatFilter
from bot.importing.slack_export import SlackExport

#: A zip begins with its first member or, where it has none, with its end.
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How much is not imported because the bot does not speak in its thread."""

    threads: int
    messages: int


@dataclass(frozen=True, slots=True)
class Import:
    """The chosen records of a file that was found to be sound.

    Each iteration reads the file anew: every thread once, right before its first message, and the messages in the
    file's order. `len()` is the number of records, so any progress bar can show how far it is. In memory are the ids of
    all threads and one line, or one day of one channel. Should the file have been changed meanwhile, an iteration may
    raise ImportFailed after all.
    """

    threads: int
    messages: int
    left_out: LeftOut
    #: Where the conversations were held, `slack:T…`; empty where the file does not say.
    workspace: str
    _source: Source = field(repr=False)
    _chosen: frozenset[str] = field(repr=False)
    #: The derived ids that occur, or are suspected to occur, more than once.
    _suspects: frozenset[str] = field(repr=False)

    def __len__(self) -> int:
        return self.threads + self.messages

    def __iter__(self) -> Iterator[ImportRecord]:
        started: set[str] = set()
        repeats: Counter[str] = Counter()
        for entry in self._source.entries(unwatched):
            message = entry.message
            if message.thread_id not in self._chosen:
                continue
            if message.thread_id not in started:
                started.add(message.thread_id)
                yield entry.thread
            if entry.derived_id and message.id in self._suspects:
                repeats[message.id] += 1
                if (count := repeats[message.id]) > 1:
                    message = replace(message, id=f"{message.id}:{count}")
            yield message


def read_records(
    path: Path,
    *,
    whole_channels: bool,
    bot_user: str | None = None,
    team: str | None = None,
    progress: Progress = unwatched,
) -> Import:
    """Check a whole file, a Slack export or JSON lines as its content tells, and choose what is to be imported.

    Args:
        path: The file. It is read again by every iteration of the result.
        whole_channels: Import everything, not only the threads in which the bot speaks.
        bot_user: The bot's user id in a Slack export, such as U0123ABCD; JSON lines need none.
        team: The workspace's id in Slack, such as T0123ABCD, where the export does not tell it.
        progress: Called with (bytes checked, bytes in all).

    Raises:
        ImportFailed: The file cannot be read or something in it cannot be imported; names the place and what to do.
        InvalidArgument: `bot_user` or `team` is missing, malformed, or not in the export.
    """
    source = _source(path, bot_user, team)
    counts: Counter[str] = Counter()
    dialogues: set[str] = set()
    suspects: set[str] = set()
    repeats = RepeatFilter(source.total)
    for entry in source.entries(progress):
        message = entry.message
        counts[message.thread_id] += 1
        if message.role == "assistant":
            dialogues.add(message.thread_id)
        if entry.derived_id and repeats.seen(message.id):
            suspects.add(message.id)
    chosen = frozenset(counts if whole_channels else dialogues)
    messages = sum(counts[thread] for thread in chosen)
    left_out = LeftOut(len(counts) - len(chosen), counts.total() - messages)
    return Import(len(chosen), messages, left_out, source.workspace, source, chosen, frozenset(suspects))


def _source(path: Path, bot_user: str | None, team: str | None) -> Source:
    """The reader that understands the file."""
    if not path.is_file():
        raise ImportFailed(f"{path} is no file; name a Slack export (.zip) or a file of JSON lines")
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ImportFailed(f"{path} cannot be read: {error.strerror}") from error
    if magic not in _ZIP_MAGIC:
        return JsonLines.open(path)
    if bot_user is None:
        raise InvalidArgument(
            "bot_user", "a Slack export needs the bot's user id, such as U0123ABCD: say who the bot is"
        )
    return SlackExport.open(path, bot_user, team)
