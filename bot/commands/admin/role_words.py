"""Roles and scopes in words. Pure."""

from collections.abc import Mapping, Sequence

from bot.access.standing import Holder, ReadScope, Role, RoleChange, Source, Standing
from bot.commonmark import inline

ROLES: tuple[tuple[Role, str], ...] = (("supervisor", "supervisor"), ("admin", "admin"))
_SOURCES: Mapping[Source, str] = {
    "platform": "owner or administrator on the platform",
    "settings": "named in the operator's settings (ADMINS)",
    "granted": "made one here",
}
_NOW: Mapping[Source, str] = {
    "platform": "is an admin of this workspace now, as owner or administrator on the platform",
    "settings": "is an admin of this workspace now: the operator's settings say so",
    "granted": "is an admin of this workspace now",
}
_NO_LONGER: Mapping[Source, str] = {
    "platform": "is no owner or administrator on the platform any more, and no admin of this workspace by that",
    "settings": "is no longer named in the operator's settings, and no admin of this workspace by that",
    "granted": "is no admin of this workspace any more",
}
_NAMES = 5


def article(role: str) -> str:
    """A role with its article."""
    return f"an {role}" if role[:1] in "aeiou" else f"a {role}"


def channel_name(names: Mapping[str, set[str]], channel_id: str) -> str:
    """How a channel is called, with its #; by its id where its name is not known."""
    found = sorted(names.get(channel_id) or {channel_id})
    return f"#{found[0].removeprefix('#')}"


def scope_words(scope: ReadScope, names: Mapping[str, str], channels: Mapping[str, set[str]]) -> str:
    """Whose conversations a supervisor may read."""
    if scope.everyone:
        return "everyone's conversations"
    parts = []
    if scope.persons:
        parts.append(f"the conversations of {_listed([names.get(one, one) for one in scope.persons])}")
    if scope.channels:
        parts.append(f"what is said in {_listed([channel_name(channels, one) for one in scope.channels])}")
    return " and ".join(parts) or "nobody's conversations yet"


def _listed(names: Sequence[str]) -> str:
    shown = [inline(name) for name in names[:_NAMES]]
    if more := len(names) - len(shown):
        shown.append(f"{more:,} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def standing_words(standing: Standing, names: Mapping[str, str], channels: Mapping[str, set[str]]) -> str:
    """What somebody may do, and why."""
    parts = []
    if standing.admin:
        parts.append(f"admin ({_sources(standing, 'admin')})")
    if standing.supervisor:
        reads = scope_words(standing.scope, names, channels)
        parts.append(f"supervisor ({_sources(standing, 'supervisor')}), may read {reads}")
    return "; ".join(parts) or "no role beyond a member's"


def _sources(standing: Standing, role: Role) -> str:
    return ", ".join(_SOURCES[source] for source in sorted(standing.sources.get(role, ())))


def holder_words(holder: Holder, names: Mapping[str, str], channels: Mapping[str, set[str]]) -> str:
    """A line of the list of roles."""
    return f"**{inline(holder.name or holder.resource_id)}**: {standing_words(holder.standing, names, channels)}"


def taken_over(name: str, changes: Sequence[RoleChange]) -> str:
    """What the admins are told when the platform or the operator's settings changed somebody's roles."""
    return " ".join(
        f"{inline(name)} {_NOW[change.source] if change.has else _NO_LONGER[change.source]}." for change in changes
    )


def shut_out_words(name: str) -> str:
    """What is announced of somebody who became a guest, and lost her roles by that."""
    return (
        f"{inline(name)} is a guest, a bot or of another organisation on the platform now, and has no role in this "
        "workspace any more."
    )


def given_words(actor: str, person: str, role: Role, reach: str) -> str:
    """What is announced of a role that was given; `actor` and `person` are the same where she gave it to herself."""
    whom = "herself or himself" if actor == person else inline(person)
    reads = f", who may read {reach}" if role == "supervisor" else ""
    return f"{inline(actor)} made {whom} {article(role)} of this workspace{reads}."


def taken_words(actor: str, person: str, role: Role) -> str:
    """What is announced of a role that was taken away."""
    whose = "the own role" if actor == person else f"{inline(person)}'s role"
    return f"{inline(actor)} took away {whose} as {article(role)} of this workspace."


def scope_changed_words(actor: str, person: str, how: str) -> str:
    """What is announced of a changed scope; `how` says what may be read, or no longer."""
    return f"{inline(actor)} changed what {inline(person)} may read as a supervisor: {how}."


def elsewhere(standing: Standing, role: Role) -> str:
    """Where a role can be taken away that cannot be here; "" where it can."""
    sources = standing.sources.get(role, frozenset())
    if "platform" in sources:
        return "It comes from the platform: change there who is owner or administrator."
    if "settings" in sources:
        return "It comes from the operator's settings: whoever runs me changes ADMINS."
    return ""


def reach_note(reach: ReadScope, subjects: Mapping[str, str]) -> str:
    """A scope for the audit, in which people stand under their random names: those are forgotten with them."""
    parts = ["everyone"] if reach.everyone else []
    parts += [f"person {subjects[one]}" if one in subjects else "a person not met yet" for one in reach.persons]
    parts += [f"channel {one}" for one in reach.channels]
    return f": {', '.join(parts)}" if parts else ""
