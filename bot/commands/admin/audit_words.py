"""Rows of the audit as sentences. Pure."""

import re
from collections.abc import Iterable, Mapping

from bot.access.readings import Recorded
from bot.commonmark import inline

_TIME = "%Y-%m-%d %H:%M:%S UTC"
#: The random names of people, which stand in notes.
_SUBJECT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
#: What was done, with the person whom it is about, and without one.
_DONE: Mapping[str, tuple[str, str]] = {
    "list": ("listed the conversations of {}", "listed conversations"),
    "open": ("opened a conversation of {}", "opened a conversation"),
    "search": ("searched the conversations of {}", "searched conversations"),
    "export": ("exported the conversations of {}", "exported conversations"),
    "facts": ("read what is known about {}", "read what is known about somebody"),
    "import": ("imported conversations of {}", "imported conversations"),
    "change": ("tried to change a conversation of {}", "tried to change a conversation"),
    "role given": ("gave a role to {}", "gave a role"),
    "role taken": ("took a role from {}", "took a role"),
    "roles taken over": ("took over the roles of {} from the platform and the settings", "took over roles"),
    "scope widened": ("let {} read more as a supervisor", "let a supervisor read more"),
    "scope narrowed": ("let {} read less as a supervisor", "let a supervisor read less"),
    "settings changed": ("changed settings", "changed settings"),
    "settings rolled back": ("let earlier settings hold again", "let earlier settings hold again"),
    "audit read": ("read the access log, of {}", "read the access log"),
    "audit verified": ("had the access log verified", "had the access log verified"),
    "swept": ("deleted old rows of the access log", "deleted old rows of the access log"),
}
#: The acts that a page can be narrowed to.
ACTIONS = tuple((action, words) for action, (_about, words) in _DONE.items())


def sentence(row: Recorded, names: Mapping[str, str]) -> str:
    """A row as a sentence, with its time and number; `names` are those of the people in its note."""
    parts = [f"#{row.seq:,}, {row.at.strftime(_TIME)}: {_actor(row)} {_deed(row)}"]
    if row.category:
        parts.append(inline(row.category))
    if row.object_id:
        parts.append(f"conversation {inline(row.object_id)}")
    if row.note:
        parts.append(f"note: {inline(_named(row.note, names))}")
    if row.outcome == "refused":
        parts.append("**refused**")
    return ", ".join(parts)


def _actor(row: Recorded) -> str:
    if row.actor_kind == "system":
        return "I myself"
    who = inline(row.actor) if row.actor else "somebody who was erased"
    return f"{who} ({row.actor_kind})"


def _deed(row: Recorded) -> str:
    if row.action not in _DONE:
        return f"ran {inline(row.action)}" if not row.subject else f"ran {inline(row.action)} on {inline(row.subject)}"
    about, alone = _DONE[row.action]
    return about.format(inline(row.subject)) if row.subject else alone


def subjects_in(rows: Iterable[Recorded]) -> list[str]:
    """The random names of people that stand in the notes."""
    return sorted({found for row in rows for found in _SUBJECT.findall(row.note)})


def _named(note: str, names: Mapping[str, str]) -> str:
    return _SUBJECT.sub(lambda found: names.get(found.group(), "somebody who was erased"), note)
