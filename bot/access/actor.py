"""Who acts. Nothing is read or written without an actor, and no actor means "everyone" by leaving something out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from bot.errors import InvalidArgument
from bot.limits import ID_CHARACTERS, SUPERVISED_PERSONS

ActorKind = Literal["person", "supervisor", "system"]


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
    #: Whose conversations a supervisor may read.
    persons: tuple[str, ...] = ()
    #: Why; required of everyone who acts on other people's conversations.
    reason: str = ""

    def __post_init__(self) -> None:
        if self.kind not in get_args(ActorKind):
            raise InvalidArgument("kind", f"kind must be one of {', '.join(get_args(ActorKind))}")
        checked_id("resource_id" if self.kind == "person" else "id", self.id)
        if self.kind != "person":
            checked_id("reason", self.reason)
        if self.kind == "supervisor" and not 0 < len(self.persons) <= SUPERVISED_PERSONS:
            raise InvalidArgument("persons", f"persons must be a list of 1 to {SUPERVISED_PERSONS:,} ids")
        for person in self.persons:
            checked_id("persons", person)

    @classmethod
    def person(cls, resource_id: str) -> "Actor":
        """A person, who sees the conversations that she takes part in and nothing else."""
        return cls("person", resource_id)

    @classmethod
    def supervisor(cls, supervisor_id: str, *, persons: Sequence[str], reason: str) -> "Actor":
        """A supervisor, who reads the conversations of `persons`; each read is recorded before it is answered.

        Raises:
            InvalidArgument: an id is blank, `persons` is empty or a bare string, or there is no reason.
        """
        if isinstance(persons, str) or not isinstance(persons, Sequence):
            raise InvalidArgument("persons", "persons must be a list of ids")
        once = dict.fromkeys(checked_id("persons", person) for person in persons)
        return cls("supervisor", supervisor_id, tuple(once), reason)

    @classmethod
    def system(cls, reason: str) -> "Actor":
        """The program itself, at its operator's order: sees and changes everything of its workspace."""
        return cls("system", "system", reason=reason)
