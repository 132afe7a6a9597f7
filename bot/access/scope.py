"""What an actor may read, as conditions of a query. Each permission is one function with its sentence above it.

Deny unless a line allows: a query over threads or messages is built from these conditions; there is none without them.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from bot.access.actor import Actor, ActorKind, supervises
from bot.errors import NotAllowed
from bot.storage.columns import Key
from bot.storage.tables import disclosures, messages, participants, people, roles, scopes, threads

_acting = people.alias("acting")


@dataclass(frozen=True, slots=True)
class Scope:
    """An actor within a workspace, ready to be bound to a statement."""

    kind: ActorKind
    workspace_key: int
    #: Through whose eyes this looks: the person herself, or those a supervisor may read. Empty for the system.
    readers: tuple[str, ...]
    #: Who a supervisor in a chat is: her role and scope are asked for in each query.
    supervisor: str = ""

    def values(self) -> dict[str, Any]:
        """The values of the conditions below."""
        bound: dict[str, Any] = {"in_workspace": self.workspace_key}
        if self.kind == "person":
            bound["for_reader"] = self.readers[0]
        elif self.kind == "supervisor":
            bound["for_persons"] = list(self.readers)
        elif self.kind == "scoped":
            bound |= {"for_persons": list(self.readers), "for_supervisor": self.supervisor}
        return bound

    def of_person(self, resource_id: str) -> "Scope":
        """The scope of a person of the same workspace: narrower than the program's own, from which alone it is made."""
        if self.kind != "system":
            raise NotAllowed
        return Scope("person", self.workspace_key, (resource_id,))

    def includes(self, resource_id: str) -> bool:
        """Whether this person's words are within the scope."""
        return self.kind == "system" or resource_id in self.readers


def scope_of(actor: Actor, workspace_key: int) -> Scope:
    """The scope of `actor` in a workspace."""
    readers = {"person": (actor.id,), "system": ()}.get(actor.kind, actor.persons)
    return Scope(actor.kind, workspace_key, readers, actor.id if actor.kind == "scoped" else "")


class _Unindexed(FunctionElement[int]):
    """A column, kept from SQLite's indexes."""

    type = Key
    inherit_cache = True


@compiles(_Unindexed)
def _as_it_is(element: _Unindexed, compiler: SQLCompiler, **kwargs: Any) -> str:
    return compiler.process(element.clauses, **kwargs)


@compiles(_Unindexed, "sqlite")
def _on_sqlite(element: _Unindexed, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"+{compiler.process(element.clauses, **kwargs)}"


def in_workspace(*, by_index: bool = False) -> ColumnElement[bool]:
    """Threads of the actor's own workspace; whatever else a condition says, it says it of these.

    Args:
        by_index: whether the workspace's index is the way to the threads: they are named by their ids, or all are
            wanted. Otherwise SQLite, which knows no numbers of rows, may begin there whatever else would be near, and
            asks every thread of the workspace.
    """
    column = threads.c.workspace_key
    return (column if by_index else _Unindexed(column)) == bindparam("in_workspace")


_PERSON_IN_WORKSPACE = people.c.workspace_key == bindparam("in_workspace")


def person_key(resource_id: Any) -> ScalarSelect[int]:
    """The key of the person with this id in the actor's workspace."""
    return select(people.c.key).where(_PERSON_IN_WORKSPACE, people.c.resource_id == resource_id).scalar_subquery()


def _persons() -> Select[int]:
    return select(people.c.key).where(
        _PERSON_IN_WORKSPACE, people.c.resource_id.in_(bindparam("for_persons", expanding=True))
    )


def named_person(kind: ActorKind) -> ScalarSelect[int]:
    """The key of the person whom a caller names."""
    # A supervisor names her persons only: whose a third party's words are is not to be found out by asking.
    known = _persons() if supervises(kind) else select(people.c.key).where(_PERSON_IN_WORKSPACE)
    return known.where(people.c.resource_id == bindparam("of_person")).scalar_subquery()


def takes_part(resource_key: Any) -> ColumnElement[bool]:
    """Threads in which this person takes part."""
    part = exists().where(participants.c.thread_key == threads.c.key, participants.c.resource_key == resource_key)
    return part.correlate_except(participants)


def newest_disclosure() -> ScalarSelect[int]:
    """The disclosure in force."""
    every = disclosures.alias()
    return select(func.max(every.c.version)).where(every.c.workspace_key == bindparam("in_workspace")).scalar_subquery()


def _narrowest(versions: Any, *within: Any) -> ScalarSelect[int]:
    """Of these versions the one that lets the fewest words be read; among equals the oldest."""
    breadth = case({"off": 0, "channels": 1}, value=disclosures.c.supervision, else_=2)
    among = select(disclosures.c.version).where(
        disclosures.c.workspace_key == bindparam("in_workspace"), disclosures.c.version.in_(versions)
    )
    return among.order_by(breadth, disclosures.c.version).limit(1).correlate(*within).scalar_subquery()


def disclosure_for(told_version: Any, *within: Any) -> ScalarSelect[int]:
    """The disclosure of a message that is said now: what its author was told of, unless less is in force.

    Args:
        told_version: her `people.told_version`; where that is unknown, the one in force counts.
        *within: the tables of the statement around it that `told_version` names.
    """
    newest = newest_disclosure()
    return _narrowest([func.coalesce(told_version, newest), newest], *within)


def narrowest_disclosure() -> ScalarSelect[int]:
    """Of the versions `versions` the one that lets the fewest words be read."""
    return _narrowest(bindparam("versions", expanding=True))


def disclosure_of_edit() -> Any:
    """The disclosure of a message whose text is changed now: its own, unless its author was told of less since."""
    author = people.alias("author")
    told = select(author.c.told_version).where(author.c.key == messages.c.resource_key).correlate(messages)
    newest = newest_disclosure()
    among = [messages.c.disclosure, func.coalesce(told.scalar_subquery(), newest), newest]
    # What nobody was told anything of stays closed.
    return case((messages.c.disclosure == 0, 0), else_=_narrowest(among, messages))


def _disclosed() -> ColumnElement[bool]:
    """Messages said when people had been told that supervisors may read such a conversation, and may still.

    What was said off the record, or before anybody was told anything (0), is none of them.
    """
    versions = (
        select(disclosures.c.version)
        .where(
            disclosures.c.workspace_key == bindparam("in_workspace"),
            or_(
                disclosures.c.supervision == "all",
                and_(disclosures.c.supervision == "channels", threads.c.place_kind != "direct"),
            ),
        )
        .correlate(threads)
    )
    return and_(messages.c.disclosure.in_(versions), newest_disclosure().in_(versions), ~messages.c.off_record)


def _persons_spoke() -> ColumnElement[bool]:
    spoke = exists().where(
        messages.c.thread_key == threads.c.key, messages.c.resource_key.in_(_persons()), _disclosed()
    )
    return spoke.correlate(threads)


def _in_her_scope() -> ColumnElement[bool]:
    """Threads that the scope of a supervisor in a chat reaches, if she is one now and has not left."""
    is_supervisor = exists().where(roles.c.resource_key == _acting.c.key, roles.c.role == "supervisor")
    acting = (
        select(_acting.c.key)
        .where(
            _acting.c.workspace_key == bindparam("in_workspace"),
            _acting.c.resource_id == bindparam("for_supervisor"),
            _acting.c.left_at.is_(None),
            is_supervisor.correlate(_acting),
        )
        .scalar_subquery()
    )
    # Everyone's; or those of the person whom she names, who is one alone (`bot.access.actor`).
    person = and_(scopes.c.kind == "person", scopes.c.value.in_(bindparam("for_persons", expanding=True)))
    reached = exists().where(scopes.c.resource_key == acting, or_(scopes.c.kind == "everyone", person))
    # Those in a channel of hers: never a direct conversation, and no other channel.
    channels = select(scopes.c.value).where(scopes.c.resource_key == acting, scopes.c.kind == "channel")
    return or_(reached, and_(threads.c.place_kind != "direct", threads.c.channel_id.in_(channels)))


def visible_threads(kind: ActorKind, *, by_index: bool = False) -> ColumnElement[bool]:
    """Which threads exist for an actor; for `by_index` see `in_workspace`."""
    inside = in_workspace(by_index=by_index)
    # A person sees the threads that she takes part in.
    if kind == "person":
        return and_(inside, takes_part(person_key(bindparam("for_reader"))))
    # A supervisor sees the threads in which one of her persons spoke after supervision was disclosed.
    if kind == "supervisor":
        return and_(inside, _persons_spoke())
    # A supervisor in a chat sees of these the ones that her scope reaches now.
    if kind == "scoped":
        return and_(inside, _in_her_scope(), _persons_spoke())
    # The program itself sees every thread of its workspace.
    return inside


def visible_thread(kind: ActorKind) -> ColumnElement[bool]:
    """The thread with the id `thread_id`, if it exists for an actor."""
    return and_(visible_threads(kind, by_index=True), threads.c.id == bindparam("thread_id"))


#: A person's own part in each thread of `every_visible`.
own_part = participants.alias("own_part")


def every_visible(statement: Select[Any], kind: ActorKind) -> Select[Any]:
    """Narrow a statement over `threads` to all that exist for an actor, and start from those.

    The same permissions as `visible_threads`, whose EXISTS suits a statement that names its thread. Asked of no thread
    in particular, SQLite would put it to every thread of the workspace.
    """
    if kind == "person":
        mine = own_part.c.resource_key == person_key(bindparam("for_reader"))
        return statement.join(own_part, own_part.c.thread_key == threads.c.key).where(in_workspace(), mine)
    if supervises(kind):
        # Who speaks takes part, so nothing is left out.
        reached = select(participants.c.thread_key).where(participants.c.resource_key.in_(_persons())).distinct()
        near = reached.subquery("reached")
        return statement.join(near, near.c.thread_key == threads.c.key).where(visible_threads(kind))
    return statement.where(visible_threads(kind, by_index=True))


def message_in_workspace() -> ColumnElement[bool]:
    """Messages of the actor's own workspace: said of those that a statement names by their ids, it finds them."""
    return messages.c.workspace_key == bindparam("in_workspace")


def visible_messages(kind: ActorKind) -> ColumnElement[bool]:
    """Which messages of a visible thread exist for an actor."""
    # A supervisor sees what was said under a disclosure that allows it.
    if supervises(kind):
        return _disclosed()
    # A person sees a thread whole, but for what is off the record: it is answered, and stands in no history or prompt.
    if kind == "person":
        return ~messages.c.off_record
    # The program itself sees all.
    return true()


def visible_count(kind: ActorKind) -> Any:
    """How many messages of a visible thread exist for an actor."""
    of_thread = select(func.count()).select_from(messages).where(messages.c.thread_key == threads.c.key)
    if supervises(kind):
        return of_thread.where(visible_messages(kind)).correlate(threads).scalar_subquery()
    if kind == "person":
        # Hardly ever is there any: only these are looked for, by an index of their own.
        hidden = of_thread.where(messages.c.off_record).correlate(threads).scalar_subquery()
        return threads.c.message_count - hidden
    return threads.c.message_count


def readable_words(kind: ActorKind) -> ColumnElement[bool]:
    """Whose words an actor may read in a visible message."""
    # A supervisor reads the words of her persons and the answers to them; third parties stay unread.
    if supervises(kind):
        return messages.c.resource_key.in_(_persons())
    # Everybody else reads all who speak in the thread.
    return true()


def own_messages(kind: ActorKind) -> ColumnElement[bool]:
    """Which messages an actor may change."""
    # A person changes her own words and the answers to them.
    if kind == "person":
        return messages.c.resource_key == person_key(bindparam("for_reader"))
    # The program itself changes any; a supervisor never comes here (`bot.access.door`).
    return true()


def masked(kind: ActorKind, column: Any, mask: Any) -> Any:
    """A message's column, hidden from an actor who may not read these words."""
    return case((readable_words(kind), column), else_=literal(mask, column.type)) if supervises(kind) else column


def readable_threads(kind: ActorKind) -> ColumnElement[bool]:
    """Which visible threads' own words (title, metadata) an actor may read."""
    # A supervisor reads those of her persons' own threads, unless some of it was said under a narrower disclosure: a
    # title is made of the first question.
    if supervises(kind):
        closed = exists().where(messages.c.thread_key == threads.c.key, ~_disclosed()).correlate(threads)
        return and_(threads.c.owner_key.in_(_persons()), ~closed)
    # Everybody else reads them all.
    return true()


def masked_of_thread(kind: ActorKind, column: Any, mask: Any) -> Any:
    """A thread's column, hidden from an actor who may not read these words."""
    return case((readable_threads(kind), column), else_=literal(mask, column.type)) if supervises(kind) else column
