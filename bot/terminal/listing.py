"""How conversations, hits and messages look in the terminal; at 80 columns too."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from bot.memory.values import Message, Thread
from bot.terminal.screen import Screen, cell
from bot.visible import visible_line

_TIME = "%Y-%m-%d %H:%M UTC"
_QUOTED = 160
_OUTCOMES = {"cut": " (cut short)", "failed": " (failed)"}

#: Display names by resource id; under "" the bot's own.
Names = Mapping[str, str]


def table_of_threads(threads: Sequence[Thread], numbers: Sequence[int] = ()) -> Table:
    """Conversations, each with the number by which it is opened or, without numbers, its id."""
    table = _table(numbers, "Last message", "Conversation")
    table.add_column("Messages", justify="right", no_wrap=True)
    for place, thread in enumerate(threads):
        title = thread.title or thread.place_name or "(no title)"
        where = f" in {thread.place_name}" if thread.place_name and thread.title else ""
        conversation = _under(cell(title + where), thread.id, numbers)
        row = (cell(_time(thread.last_message_at)), conversation, cell(str(thread.message_count)))
        table.add_row(*_number(numbers, place), *row)
    return table


def table_of_hits(hits: Sequence[Message], names: Names, numbers: Sequence[int] = ()) -> Table:
    """Messages that were found, each with the number of its conversation or, without numbers, its id."""
    table = _table(numbers, "When", "What was said")
    for place, hit in enumerate(hits):
        said = Text.assemble(cell(f"{speaker(hit, names)}: ", "bold"), cell(_short(hit.text)))
        table.add_row(*_number(numbers, place), cell(_time(hit.created_at)), _under(said, hit.thread_id, numbers))
    return table


def show_messages(screen: Screen, messages: Iterable[Message], names: Names) -> None:
    """A conversation, each message under a line that says when and by whom."""
    for message in messages:
        edited = ", edited" if message.edited_at else ""
        how = _OUTCOMES.get(message.outcome, "")
        who = visible_line(speaker(message, names))
        screen.say(f"{_time(message.created_at)}  {who}{how}{edited}", style="bold")
        screen.indented(message.text)


def speaker(message: Message, names: Names) -> str:
    """Who says a message."""
    if message.role == "user":
        return names.get(message.resource_id, message.resource_id)
    return names.get("", "bot") if message.role == "assistant" else message.role


def _table(numbers: Sequence[int], when: str, what: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    if numbers:
        table.add_column("No.", justify="right", no_wrap=True)
    table.add_column(when, no_wrap=True)
    table.add_column(what, overflow="fold", ratio=1)
    return table


def _number(numbers: Sequence[int], place: int) -> tuple[Text, ...]:
    return (cell(str(numbers[place])),) if numbers else ()


def _under(text: Text, thread_id: str, numbers: Sequence[int]) -> Text:
    """The id stands below where no number leads there."""
    return text if numbers else Text.assemble(text, "\n", cell(thread_id, "dim"), overflow="fold")


def _time(moment: datetime | None) -> str:
    return "" if moment is None else moment.strftime(_TIME)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _QUOTED else line[:_QUOTED] + "…"
