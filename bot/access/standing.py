"""Who may do what, worked out from the rows that say so. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from bot.access.actor import checked_id
from bot.errors import InvalidArgument
from bot.limits import SCOPE_ENTRIES

#: What a person may be beyond a member, which needs no row.
Role = Literal["supervisor", "admin"]
#: Where a role comes from: an owner or administrator of the platform; the setting ADMINS; an admin who gave it.
Source = Literal["platform", "settings", "granted"]
ScopeKind = Literal["everyone", "person", "channel"]


@dataclass(frozen=True, slots=True)
class ReadScope:
    """Whose conversations a supervisor may read. An empty one is nobody's."""

    everyone: bool = False
    #: Resource ids: all conversations of these people.
    persons: tuple[str, ...] = ()
    #: Ids of channels: what was said in them, whoever said it. Never a direct conversation.
    channels: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether it reaches nothing."""
        return not (self.everyone or self.persons or self.channels)

    def reaches(self, resource_id: str, channel_id: str) -> bool:
        """Whether it reaches what a person said in a channel; "" is a direct conversation."""
        return self.everyone or resource_id in self.persons or (bool(channel_id) and channel_id in self.channels)

    def concerns(self, resource_id: str) -> bool:
        """Whether it may reach some conversation of a person: what `reaches` says of where she talks."""
        return self.everyone or resource_id in self.persons or bool(self.channels)

    def rows(self) -> tuple[tuple[ScopeKind, str], ...]:
        """The permissions that it consists of, one by one."""
        everyone: list[tuple[ScopeKind, str]] = [("everyone", "")] if self.everyone else []
        persons: list[tuple[ScopeKind, str]] = [("person", one) for one in self.persons]
        channels: list[tuple[ScopeKind, str]] = [("channel", one) for one in self.channels]
        return (*everyone, *persons, *channels)


def scope_of_rows(rows: Iterable[tuple[str, str]]) -> ReadScope:
    """The scope that permissions make up; of a kind that is not known, none."""
    known = sorted(rows)
    persons = tuple(value for kind, value in known if kind == "person")
    channels = tuple(value for kind, value in known if kind == "channel")
    return ReadScope(any(kind == "everyone" for kind, _value in known), persons, channels)


def checked_scope(scope: ReadScope) -> ReadScope:
    """A scope as it may be stored: each id once.

    Raises:
        InvalidArgument: an id can be none, or there are too many.
    """
    if not isinstance(scope, ReadScope):
        raise InvalidArgument("scope", "scope must be a ReadScope")
    persons = sorted({checked_id("persons", one) for one in scope.persons})
    channels = sorted({checked_id("channels", one) for one in scope.channels})
    if len(persons) + len(channels) > SCOPE_ENTRIES:
        raise InvalidArgument("scope", f"A scope names at most {SCOPE_ENTRIES:,} persons and channels.")
    return ReadScope(bool(scope.everyone), tuple(persons), tuple(channels))


def checked_role(role: str) -> Role:
    """A role.

    Raises:
        InvalidArgument: there is no such role.
    """
    if role not in get_args(Role):
        raise InvalidArgument("role", f"role must be one of {', '.join(get_args(Role))}")
    return role  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a person may do in her workspace. Whoever has no row, or left, is a member and nothing else.

    An admin is no supervisor: she configures, and reads nobody's conversations but her own.
    """

    sources: Mapping[Role, frozenset[Source]] = field(default_factory=dict)
    scope: ReadScope = ReadScope()

    @property
    def admin(self) -> bool:
        """Whether she may configure the workspace."""
        return bool(self.sources.get("admin"))

    @property
    def supervisor(self) -> bool:
        """Whether she may read other people's conversations, as far as her scope reaches."""
        return bool(self.sources.get("supervisor"))

    def is_(self, role: Role) -> bool:
        """Whether she has this role."""
        return bool(self.sources.get(role))


MEMBER = Standing()


def standing_of_rows(rows: Iterable[tuple[str, str, str]]) -> Standing:
    """The standing that rows make up: ("role", role, source) and ("scope", kind, value). Others mean nothing."""
    known = list(rows)
    sources: dict[Role, frozenset[Source]] = {
        role: frozenset(source for source in get_args(Source) if ("role", role, source) in known)
        for role in get_args(Role)
    }
    # A scope without the role is nobody's.
    scope = scope_of_rows((kind, value) for what, kind, value in known if what == "scope")
    return Standing(
        {role: found for role, found in sources.items() if found},
        scope if sources["supervisor"] else ReadScope(),
    )


@dataclass(frozen=True, slots=True)
class RoleChange:
    """What changed in somebody's roles: to be told to the admins, and shown to all in `privacy`."""

    resource_id: str
    role: Role
    #: Whether she has the role now.
    has: bool
    source: Source


@dataclass(frozen=True, slots=True)
class Holder:
    """A person with a role."""

    resource_id: str
    #: As the platform shows it; "" where it never said.
    name: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class Holders:
    """A page of those who have roles. `after` continues it; None at the end."""

    holders: tuple[Holder, ...]
    after: int | None
