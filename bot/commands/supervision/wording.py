"""What a supervisor is shown, in words. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from bot.access.standing import ReadScope
from bot.commonmark import inline, quoted
from bot.memory.values import ANOTHER_PARTICIPANT, Message, Thread

#: Why somebody reads another person's conversations: what she is shown as the reason. Everything else is a note.
CATEGORIES = ("quality review", "support request", "security", "compliance", "other")
TIME = "%Y-%m-%d %H:%M UTC"
NO_ROLE = "Only supervisors can open other people's conversations here. Yours: history. This request was recorded."
ELSEWHERE = (
    "Other people's conversations cannot be opened in this place: people from outside may read it, or I cannot tell who"
    " can. Ask me in our direct conversation. This request was recorded."
)
PRIVATELY = "You named somebody. I show other people's conversations to you alone, and say no names here."
OWN = "These are your own conversations: `history` shows them, without anybody being told."
#: Longest text of one message in a transcript; the export holds all of it.
_SHOWN = 2_000
_QUOTED = 160
_NAMES = 5
_OUTCOMES = {"cut": "cut short", "failed": "failed"}


def nothing(scope: str) -> str:
    """What a supervisor reads whatever the cause is: no such person, nothing kept, or outside of her scope."""
    return (
        "Nothing to show. There may be no conversations, or they may be outside what you can read: "
        f"{scope}. This request was recorded."
    )


def scope_text(scope: ReadScope, names: Mapping[str, str]) -> str:
    """Whose conversations a supervisor may read; `names` are display names by resource id."""
    if scope.everyone:
        return "everyone's"
    parts = []
    if scope.persons:
        parts.append(_several([names.get(one, one) for one in scope.persons]))
    if scope.channels:
        parts.append(f"in {_several([f'#{one}' for one in scope.channels])}")
    return " and ".join(parts) or "nobody's"


def _several(names: Sequence[str]) -> str:
    shown = [inline(one) for one in names[:_NAMES]]
    if more := len(names) - len(shown):
        shown.append(f"{more:,} more")
    return ", ".join(shown)


def shown_reason(name: str, category: str) -> str:
    """What stands above everything that is shown: the person knows of it."""
    return f"*Reason: {inline(category)}. {inline(name)} sees that you looked, and this reason.*"


def thread_row(thread: Thread) -> str:
    """A conversation in a list."""
    title = inline(thread.title or thread.place_name or "(no title)")
    where = f", {inline(thread.place_name)}" if thread.place_name and thread.title else ""
    kind = " · direct" if thread.place_kind == "direct" else ""
    last = thread.last_message_at
    when = f" · {moment(last)}" if last is not None else ""
    return f"**{title}**{where}{kind}{when} · messages: {thread.message_count:,}"


def hit_row(message: Message, speakers: Mapping[str, str], bot: str) -> str:
    """A message that a search found."""
    line = " ".join(message.text.split())
    cut = line if len(line) <= _QUOTED else f"{line[:_QUOTED]}…"
    return f"{moment(message.created_at)}, {inline(speaker(message, speakers, bot))}: {inline(cut)}"


def message_text(message: Message, speakers: Mapping[str, str], bot: str) -> str:
    """A message of a transcript. Who is not under supervision stands there without name and words."""
    marks = [_OUTCOMES.get(message.outcome, ""), "edited" if message.edited_at else ""]
    head = ", ".join(
        [moment(message.created_at), f"**{inline(speaker(message, speakers, bot))}**", *filter(None, marks)]
    )
    if is_left_out(message):
        return f"{head}\n\n(not shown)"
    text = message.text
    if len(text) > _SHOWN:
        return f"{head}\n\n{quoted(text[:_SHOWN])}\n(The rest of this message is in the export.)"
    return f"{head}\n\n{quoted(text)}"


def is_left_out(message: Message) -> bool:
    """Whether these are words of a third party, or an answer to one."""
    return message.resource_id == ANOTHER_PARTICIPANT


def speaker(message: Message, speakers: Mapping[str, str], bot: str) -> str:
    """Who speaks."""
    if message.role == "assistant":
        return f"{bot} to {ANOTHER_PARTICIPANT}" if is_left_out(message) else bot
    return speakers.get(message.resource_id, message.resource_id)


def moment(at: datetime) -> str:
    """A time, with its zone."""
    return at.astimezone(UTC).strftime(TIME)
