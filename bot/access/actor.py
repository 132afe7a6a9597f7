"""Who acts. Nothing is read or written without an actor, and no actor means "everyone" by leaving something out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from bot.errors import InvalidArgument
from bot.limits import ID_CHARACTERS, NOTE_CHARACTERS, SUPERVISED_PERSONS

#: "supervisor" is one whom the operator trusts, in a program or at the command line; "scoped" is one in a chat, whose
#: role and scope every query asks for anew.
ActorKind = Literal["person", "supervisor", "scoped", "system"]
#: Who runs the bot, where she gives no name of her own.
OPERATOR_ID = "operator"


def supervises(kind: ActorKind) -> bool:
    """Whether an actor of this kind reads other people's words: each read is recorded, and nothing is changed."""
    return kind in {"supervisor", "scoped"}


def checked_id(parameter: str, value: object) -> str:
    """Return `value` where it can be an id.

    Raises:
        InvalidArgument: it is no text, blank, too long, or holds what no database takes.
    """
    if not isinstance(value, str) or not value.strip():
        raise InvalidArgument(parameter, f"{parameter} must be a non-empty string")
    if len(value) > ID_CHARACTERS:
        raise InvalidArgument(parameter, f"{parameter} must have at most {ID_CHARACTERS} characters")
    if "\0" in value or not value.isprintable():
        raise InvalidArgument(parameter, f"{parameter} must hold printable characters only")
    return value


@dataclass(frozen=True, slots=True)
class Actor:
    """One who reads and writes: a person for herself, a supervisor for named persons, or the program itself."""

    kind: ActorKind
    id: str
    #: Whose conversations a supervisor may read; in a chat exactly one person's.
    persons: tuple[str, ...] = ()
    #: Why, in words that stand in the audit alone; required of everyone who acts on other people's conversations
    #: without a category.
    note: str = ""
    #: Why, as a word of a short list, which the person is shown; required of a supervisor in a chat.
    category: str = ""
    #: As what a supervisor acts, as the audit and the person are told.
    acts_as: Literal["supervisor", "operator"] = "supervisor"

    def __post_init__(self) -> None:
        if self.kind not in get_args(ActorKind):
            raise InvalidArgument("kind", f"kind must be one of {', '.join(get_args(ActorKind))}")
        checked_id("resource_id" if self.kind == "person" else "id", self.id)
        if self.kind in {"supervisor", "system"}:
            checked_id("reason", self.note)
        if self.kind == "scoped":
            checked_id("category", self.category)
            _check_note(self.note)
        most = {"supervisor": SUPERVISED_PERSONS, "scoped": 1}.get(self.kind)
        if most is not None and not 0 < len(self.persons) <= most:
            raise InvalidArgument("persons", f"persons must be a list of 1 to {most:,} ids")
        for person in self.persons:
            checked_id("persons", person)

    @classmethod
    def person(cls, resource_id: str) -> "Actor":
        """A person, who sees the conversations that she takes part in and nothing else."""
        return cls("person", resource_id)

    @classmethod
    def operator(cls, operator_id: str, *, person: str, reason: str) -> "Actor":
        """Whoever runs the bot, at the command line: as a supervisor of one person, and recorded as what she is.

        Raises:
            InvalidArgument: an id is blank, or there is no reason.
        """
        return cls("supervisor", operator_id, (checked_id("persons", person),), reason, acts_as="operator")

    @classmethod
    def supervisor(cls, supervisor_id: str, *, persons: Sequence[str], reason: str) -> "Actor":
        """A supervisor, who reads the conversations of `persons`; each read is recorded before it is answered.

        For a program that embeds the memory and for the command line: whoever calls this decides who may.

        Raises:
            InvalidArgument: an id is blank, `persons` is empty or a bare string, or there is no reason.
        """
        if isinstance(persons, str) or not isinstance(persons, Sequence):
            raise InvalidArgument("persons", "persons must be a list of ids")
        once = dict.fromkeys(checked_id("persons", person) for person in persons)
        return cls("supervisor", supervisor_id, tuple(once), reason)

    @classmethod
    def scoped(cls, supervisor_id: str, person: str, category: str, note: str = "") -> "Actor":
        """A supervisor in a chat, who reads one person's conversations as far as her role and scope reach.

        What she may is not decided here: every query asks it of the tables. Without a role she sees nothing.

        Args:
            supervisor_id: her resource id.
            person: whose conversations.
            category: why, as a word that the person is shown.
            note: why, for the audit alone.

        Raises:
            InvalidArgument: an id is blank, there is no category, or the note is too long.
        """
        return cls("scoped", supervisor_id, (checked_id("person", person),), note, category)

    @classmethod
    def system(cls, reason: str) -> "Actor":
        """The program itself, at its operator's order: sees and changes everything of its workspace."""
        return cls("system", "system", note=reason)


def _check_note(note: object) -> None:
    if not isinstance(note, str) or len(note) > NOTE_CHARACTERS or "\0" in note:
        raise InvalidArgument("note", f"note must be a text of at most {NOTE_CHARACTERS:,} characters")
