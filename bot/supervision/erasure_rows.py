"""Storage functions of an erasure: it begins in one transaction, goes on in portions, and ends with a count.

With the first transaction neither the person nor a turn reaches what is to be erased: "everything" takes her name off
her row, so that what she says from then on is somebody else's; a conversation loses its participant, its place and its
turns. A turn that is worked finds itself gone, and what it was about to store is not stored. What is left is deleted in
portions, by a job that may end anywhere and be run again; until then those who share a conversation still see it.

Keys of deleted rows are given again, so nothing that outlives a transaction is named by a key alone: a person by her
subject id, a thread by its key and the moment when it was made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, exists, insert, null, or_, select, update
from sqlalchemy.dialects import postgresql

from bot.access.role_rows import lock_settings
from bot.access.scope import Scope
from bot.chat import PlaceRef
from bot.memory.fact_rows import facts_on, forget_groundless
from bot.memory.message_rows import recount, untitle
from bot.memory.portions import portions
from bot.storage.columns import Instant, microseconds
from bot.storage.signals import announce
from bot.storage.tables import (
    condensations,
    erasures,
    facts,
    held,
    ledger,
    messages,
    participants,
    people,
    roles,
    scopes,
    threads,
    usage,
    workspace_settings,
)
from bot.storage.turn_tables import feedback, is_open, jobs, pending_changes, places, turn_messages, turns, utterances
from bot.supervision.counting import Target, count, is_shared, naming, pending
from bot.turns.job_rows import NewJob, queue_job
from bot.turns.place_rows import lock_place
from bot.turns.queue_rows import outdate
from bot.turns.turn_values import Word, changed

#: The kind of the job.
ERASE = "erase"
Extent = Literal["message", "conversation", "everything"]
#: Rows that one transaction deletes at most.
PORTION = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """An erasure that a person asks for, with all that a replay must not make anew."""

    #: The certificate's number.
    id: str
    resource_id: str
    extent: Extent
    #: The conversation, or the message, by its id.
    what: str = ""


@dataclass(frozen=True, slots=True)
class Begun:
    """An erasure that has begun: what its job knows; the words for those who do that job or worked on what is gone."""

    arguments: Mapping[str, Any]
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is recorded of an erasure."""

    id: str
    extent: Extent
    at: datetime
    #: Rows by table, before it and, once it has ended, after it.
    before: Mapping[str, int]
    after: Mapping[str, int] | None
    scrubbed_at: datetime | None


_PERSON = (
    select(people.c.key, people.c.subject_id, people.c.resource_id)
    .where(people.c.workspace_key == bindparam("in_workspace"), people.c.resource_id == bindparam("of_person"))
    .with_for_update()
)


def begin_erasure(
    connection: Connection, scope: Scope, wanted: Wanted, place: PlaceRef | None, now: datetime
) -> Begun | None:
    """Take what is to be erased out of the person's reach, and queue the job that erases it.

    A single message is erased at once; of the rest the job deletes the rows (`erase_portion`, `end_erasure`).

    Args:
        connection: in a transaction.
        scope: the program's own.
        wanted: what a person asks for.
        place: where the certificate goes; None where she cannot be written to.
        now: the time.

    Returns:
        None where there is nothing of the kind, or it is not hers: these look alike.
    """
    values = {"in_workspace": scope.workspace_key, "of_person": wanted.resource_id}
    person: Any = connection.execute(_PERSON, values).one_or_none()
    if person is None:
        return None
    # Locked in the same order as where a message is taken in: person, place, thread.
    place_key = None if place is None else lock_place(connection, scope, place, now).key
    target = _target(connection, scope, person, wanted)
    if target is None:
        return None
    before = count(connection, target)
    arguments: dict[str, Any] = {"erasure": wanted.id, "subject": person.subject_id}
    row = {
        "workspace_key": scope.workspace_key,
        "id": wanted.id,
        "subject_id": person.subject_id,
        "extent": wanted.extent,
        "counts": {"before": before},
        "at": now,
    }
    connection.execute(insert(erasures), row)
    if target.message_keys is not None:
        words = _erase_words(connection, target, target.message_keys, now)
        _certify(connection, wanted.id, before, count(connection, target))
        return _queue(connection, scope, wanted, arguments, words, place_key, now)
    if target.thread_key is not None:
        made_at = connection.execute(
            select(threads.c.created_at).where(threads.c.key == target.thread_key)
        ).scalar_one()
        arguments |= {"thread": target.thread_key, "made_at": microseconds(made_at), "before_seq": target.before_seq}
    words, left = _detach(connection, target)
    if target.resource_id is not None:
        _take_name_off(connection, target, wanted.id)
        arguments["places"] = left if place_key is None else sorted({*left, place_key})
    return _queue(connection, scope, wanted, arguments | {"portions": True}, words, place_key, now)


def _queue(
    connection: Connection,
    scope: Scope,
    wanted: Wanted,
    arguments: Mapping[str, Any],
    words: tuple[Word, ...],
    place_key: int | None,
    now: datetime,
) -> Begun:
    # Nobody's job: it outlives the person, who would take hers along.
    new = NewJob(f"{ERASE}:{wanted.id}", ERASE, arguments, scope.workspace_key, place_key=place_key)
    word = queue_job(connection, new, now)
    announce(connection, word)
    return Begun(arguments, (*words, word))


_THREAD = (
    select(threads.c.key, threads.c.next_seq)
    .join(participants, participants.c.thread_key == threads.c.key)
    .where(
        threads.c.workspace_key == bindparam("in_workspace"),
        threads.c.id == bindparam("thread_id"),
        participants.c.resource_key == bindparam("person_key"),
    )
    .with_for_update(of=threads)
)
_MESSAGE = (
    select(messages.c.key, messages.c.thread_key, messages.c.seq, messages.c.role, threads.c.key)
    .join(threads, threads.c.key == messages.c.thread_key)
    .where(
        messages.c.workspace_key == bindparam("in_workspace"),
        messages.c.id == bindparam("message_id"),
        messages.c.resource_key == bindparam("person_key"),
    )
    .with_for_update(of=threads)
)


def _target(connection: Connection, scope: Scope, person: Row[Any], wanted: Wanted) -> Target | None:
    """What is meant, locked; None where it is not hers or not there, which look alike."""
    values = {"in_workspace": scope.workspace_key, "person_key": person.key}
    if wanted.extent == "everything":
        return Target(scope.workspace_key, person.key, person.resource_id)
    if wanted.extent == "conversation":
        _lock_places(connection, threads.c.id == wanted.what, threads.c.workspace_key == scope.workspace_key)
        thread = connection.execute(_THREAD, values | {"thread_id": wanted.what}).one_or_none()
        return None if thread is None else Target(scope.workspace_key, person.key, None, thread.key, thread.next_seq)
    row: Any = connection.execute(_MESSAGE, values | {"message_id": wanted.what}).one_or_none()
    if row is None:
        return None
    keys = (row.key, *_answers_to(connection, person.key, row)) if row.role == "user" else (row.key,)
    return Target(scope.workspace_key, person.key, None, row.thread_key, None, keys)


def _answers_to(connection: Connection, person_key: int, question: Row[Any]) -> Sequence[int]:
    """The answers to a message: that of its turn, and what followed it before the person spoke again."""
    of_turn = (
        select(turns.c.answer_key)
        .join(turn_messages, turn_messages.c.turn_key == turns.c.key)
        .where(turn_messages.c.message_key == question.key)
    )
    later = messages.alias("later")
    spoken = (later.c.thread_key == question.thread_key, later.c.resource_key == person_key, later.c.role == "user")
    between = exists().where(*spoken, later.c.seq > question.seq, later.c.seq < messages.c.seq)
    followed = (
        messages.c.thread_key == question.thread_key,
        messages.c.resource_key == person_key,
        messages.c.role != "user",
        messages.c.seq > question.seq,
    )
    answers = select(messages.c.key).where(
        or_(messages.c.key.in_(of_turn), (followed[0] & followed[1] & followed[2] & followed[3] & ~between))
    )
    return connection.execute(answers.order_by(messages.c.key)).scalars().all()


def _detach(connection: Connection, target: Target) -> tuple[tuple[Word, ...], list[int]]:
    """Let nobody come to what is to be erased any more: neither she, nor an event, nor a turn at work.

    Returns:
        The words for the turns that end; the places that nobody needs any more once nothing goes on in them.
    """
    person = target.person_key
    of_thread = () if target.thread_key is None else (participants.c.thread_key == target.thread_key,)
    mine = select(participants.c.thread_key).where(participants.c.resource_key == person, *of_thread)
    owned = () if target.thread_key is None else (threads.c.key == target.thread_key,)
    # Places are locked before threads, threads before turns and messages, in one order, as everywhere.
    in_reach = or_(threads.c.key.in_(mine), threads.c.owner_key == person)
    _lock_places(connection, in_reach, *owned)
    locked = select(threads.c.key).where(in_reach, *owned).order_by(threads.c.key)
    keys = connection.execute(locked.with_for_update(of=threads, key_share=True)).scalars().all()
    # Asked only now: PostgreSQL would show who is in a thread as it was before the wait for whoever just came.
    owners = select(threads.c.key, threads.c.owner_key, is_shared(person).label("shared"))
    found = [row for some in portions(keys) for row in connection.execute(owners.where(threads.c.key.in_(some)))]
    alone = [row.key for row in found if not row.shared]
    words = _end_turns(connection, target)
    hers = select(turns.c.place_key).where(target.hers(turns), turns.c.thread_key.in_(alone))
    unused = select(places.c.key).where(or_(places.c.thread_key.in_(alone), places.c.key.in_(hers)))
    left = list(connection.execute(unused.order_by(places.c.key)).scalars())
    connection.execute(update(places).where(places.c.thread_key.in_(alone)).values(thread_key=None))
    connection.execute(delete(turns).where(target.hers(turns)))
    there = select(messages.c.key).where(messages.c.thread_key.in_([row.key for row in found]))
    connection.execute(delete(feedback).where(feedback.c.resource_key == person, feedback.c.message_key.in_(there)))
    connection.execute(delete(participants).where(target.hers(participants)))
    for row in found:
        if row.shared and row.owner_key == person:
            _pass_on(connection, row.key, person)
    return words, left


def _lock_places(connection: Connection, *which: ColumnElement[bool]) -> None:
    """Let nobody come to threads through their places, until this transaction has ended."""
    of_threads = select(threads.c.key).where(*which)
    talked = select(turns.c.place_key).where(turns.c.thread_key.in_(of_threads))
    there = select(places.c.key).where(or_(places.c.thread_key.in_(of_threads), places.c.key.in_(talked)))
    connection.execute(there.order_by(places.c.key).with_for_update(key_share=True)).all()


def _end_turns(connection: Connection, target: Target) -> tuple[Word, ...]:
    """The words by which those who work on her turns learn that these are gone; the turns are locked."""
    opened = select(turns.c.id).where(target.hers(turns), is_open(turns)).order_by(turns.c.key).with_for_update()
    words = tuple(changed(turn_id) for turn_id in connection.execute(opened).scalars())
    for word in words:
        announce(connection, word)
    return words


def _pass_on(connection: Connection, thread_key: int, person_key: int) -> None:
    """Give a shared thread to whoever has been in it longest. What she called it and wrote on it goes."""
    others = select(participants.c.resource_key).where(
        participants.c.thread_key == thread_key, participants.c.resource_key != person_key
    )
    first = others.order_by(participants.c.joined_at, participants.c.resource_key).limit(1)
    author = select(messages.c.resource_key).where(
        messages.c.thread_key == thread_key, messages.c.resource_key != person_key
    )
    following = (
        connection.execute(first).scalar() or connection.execute(author.order_by(messages.c.key).limit(1)).scalar()
    )
    thread = (threads.c.key == thread_key,)
    connection.execute(update(threads).where(*thread).values(owner_key=following, metadata_={}))
    named = update(threads).where(*thread, threads.c.title_source == "person")
    connection.execute(named.values(title="", title_source=""))


def _take_name_off(connection: Connection, target: Target, erasure_id: str) -> None:
    """Let a person be nobody: whoever comes under her id from now on is somebody new, and is told anew."""
    who = (people.c.key == target.person_key,)
    for table in (held, roles, jobs):
        connection.execute(delete(table).where(table.c.resource_key == target.person_key))
    connection.execute(delete(scopes).where(or_(scopes.c.resource_key == target.person_key, naming(target))))
    connection.execute(delete(pending_changes).where(pending(target)))
    # Notices name in their ids whom they are for.
    named = (
        jobs.c.workspace_key == target.workspace_key,
        jobs.c.id.contains(f":{target.resource_id}:", autoescape=True),
    )
    connection.execute(delete(jobs).where(*named))
    connection.execute(delete(facts).where(facts.c.resource_key == target.person_key))
    _forget_contact(connection, target)
    nobody = {"resource_id": f"erased:{erasure_id}", "name": "", "told_version": None}
    connection.execute(update(people).where(*who).values(nobody))


_SETTINGS = select(workspace_settings.c.version, workspace_settings.c.values_).where(
    workspace_settings.c.workspace_key == bindparam("in_workspace")
)


def _forget_contact(connection: Connection, target: Target) -> None:
    """Let nobody be the contact where she was: now, and in the versions from before, which would name her for ever."""
    here = {"in_workspace": target.workspace_key}
    naming_her = [
        one for one in connection.execute(_SETTINGS, here) if one.values_.get("contact") == target.resource_id
    ]
    if not naming_her:
        return
    # Whoever is just about to make the next version would take her along.
    lock_settings(connection, Scope("system", target.workspace_key, ()))
    for row in connection.execute(_SETTINGS, here).all():
        if row.values_.get("contact") == target.resource_id:
            kept = {name: value for name, value in row.values_.items() if name != "contact"}
            version = (
                workspace_settings.c.workspace_key == target.workspace_key,
                workspace_settings.c.version == row.version,
            )
            connection.execute(update(workspace_settings).where(*version).values(values_=kept))


def _resolved(connection: Connection, workspace_key: int, arguments: Mapping[str, Any]) -> Target | None:
    """What is still to be erased; None where the person, or the conversation, is gone."""
    who = select(people.c.key, people.c.resource_id).where(
        people.c.workspace_key == workspace_key, people.c.subject_id == arguments["subject"]
    )
    person = connection.execute(who).one_or_none()
    if person is None:
        return None
    thread_key = arguments.get("thread")
    if thread_key is None:
        return Target(workspace_key, person.key, person.resource_id)
    made_at = connection.execute(select(threads.c.created_at).where(threads.c.key == thread_key)).scalar()
    if made_at is None or microseconds(made_at) != arguments["made_at"]:
        return None
    return Target(workspace_key, person.key, None, thread_key, arguments["before_seq"])


def erase_portion(connection: Connection, workspace_key: int, arguments: Mapping[str, Any], now: datetime) -> int:
    """Erase a portion of what an erasure is about; how many rows that were, 0 where nothing is left to erase."""
    target = _resolved(connection, workspace_key, arguments)
    if target is None or "portions" not in arguments:
        return 0
    some = select(messages.c.key).where(target.words).limit(PORTION)
    if keys := connection.execute(some).scalars().all():
        _erase_words(connection, target, keys, now)
        return len(keys)
    if target.resource_id is not None:
        # What it cost is counted in the workspace's budget of the day, and goes with her.
        paid = select(usage.c.key).where(usage.c.resource_key == target.person_key).limit(PORTION)
        if keys := connection.execute(paid).scalars().all():
            connection.execute(delete(usage).where(usage.c.key.in_(keys)))
            return len(keys)
    of_thread = () if target.thread_key is None else (threads.c.key == target.thread_key,)
    own = select(threads.c.key).where(
        threads.c.owner_key == target.person_key, *of_thread, ~is_shared(target.person_key), ~_joined
    )
    keys = connection.execute(own.order_by(threads.c.key).limit(PORTION)).scalars().all()
    connection.execute(delete(threads).where(threads.c.key.in_(keys)))
    return len(keys)


_joined = exists().where(participants.c.thread_key == threads.c.key).correlate(threads)


def end_erasure(connection: Connection, workspace_key: int, arguments: Mapping[str, Any]) -> None:
    """Let the person go, where everything was to be erased, and count what is left. Done twice, it is done once."""
    row = connection.execute(select(erasures.c.counts).where(erasures.c.id == arguments["erasure"])).one_or_none()
    if row is None or "after" in row.counts:
        return
    target = _resolved(connection, workspace_key, arguments)
    left: dict[str, int] = {}
    if target is not None:
        if target.resource_id is not None:
            # Who came to a conversation of hers in the last moment keeps it.
            kept = select(threads.c.key).where(threads.c.owner_key == target.person_key, is_shared(target.person_key))
            for thread_key in connection.execute(kept.order_by(threads.c.key)).scalars().all():
                _pass_on(connection, thread_key, target.person_key)
            # Whatever was tied to her since goes with her.
            connection.execute(delete(people).where(people.c.key == target.person_key))
        left = count(connection, target)
    _certify(connection, arguments["erasure"], row.counts["before"], left)


def _certify(connection: Connection, erasure_id: str, before: Mapping[str, int], after: Mapping[str, int]) -> None:
    counts = {"before": dict(before), "after": dict(after)}
    connection.execute(update(erasures).where(erasures.c.id == erasure_id).values(counts=counts))


_TOMBSTONE = (
    postgresql.insert(utterances)
    .from_select(
        ["workspace_key", "id", "resource_key", "received_at"],
        select(messages.c.workspace_key, messages.c.id, null(), bindparam("erased_at", type_=Instant())).where(
            messages.c.key.in_(bindparam("keys", expanding=True)), messages.c.role == "user"
        ),
    )
    .on_conflict_do_nothing(index_elements=["workspace_key", "id"])
)
_THREADS_OF = select(messages.c.thread_key).where(messages.c.key.in_(bindparam("keys", expanding=True)))
_LOCK_THREADS = (
    select(threads.c.key).where(threads.c.key.in_(_THREADS_OF)).order_by(threads.c.key).with_for_update(key_share=True)
)
_TURNS_OF = (
    select(turns.c.key, turns.c.id)
    .join(turn_messages, turn_messages.c.turn_key == turns.c.key)
    .where(turn_messages.c.message_key.in_(bindparam("keys", expanding=True)), is_open(turns))
    .with_for_update(of=turns, key_share=True)
)


def _erase_words(connection: Connection, target: Target, keys: Sequence[int], now: datetime) -> tuple[Word, ...]:
    """Delete messages with all that rests on them; the same said again, by whatever delivery, is not taken in."""
    named = {"keys": list(keys)}
    thread_keys = connection.execute(_LOCK_THREADS, named).scalars().all()
    connection.execute(_TOMBSTONE, named | {"erased_at": now})
    opened = {row.key: row.id for row in connection.execute(_TURNS_OF, named)}
    _mark_based_on(connection, target, keys, now)
    untitle(connection, keys)
    touched = facts_on(connection, keys)
    forget_condensed(connection, keys)
    connection.execute(delete(messages).where(messages.c.key.in_(keys)))
    forget_groundless(connection, touched)
    recount(connection, thread_keys)
    words = []
    for turn_key, turn_id in opened.items():
        outdate(connection, turn_key)
        words.append(changed(turn_id))
        announce(connection, words[-1])
    return tuple(words)


def _mark_based_on(connection: Connection, target: Target, keys: Sequence[int], now: datetime) -> None:
    """Mark the answers that stay, and that were based on what goes: above all answers to others."""
    staying = select(messages.c.key, messages.c.metadata_).join(ledger, ledger.c.answer_key == messages.c.key)
    staying = staying.where(ledger.c.source_key.in_(keys), messages.c.key.not_in(keys))
    if target.message_keys is None:
        staying = staying.where(messages.c.resource_key != target.person_key)
    for row in connection.execute(staying).all():
        marked = row.metadata_ | {"source_changed_at": now.isoformat()}
        connection.execute(update(messages).where(messages.c.key == row.key).values(metadata_=marked))


def forget_condensed(connection: Connection, keys: Sequence[int]) -> None:
    """Delete the condensations that these messages stand in, before they go."""
    inside = exists().where(
        messages.c.key.in_(keys),
        messages.c.thread_key == condensations.c.thread_key,
        messages.c.seq <= condensations.c.up_to_seq,
    )
    connection.execute(delete(condensations).where(inside.correlate(condensations)))


def note_scrubbed(connection: Connection, erasure_id: str, now: datetime) -> None:
    """Note that what an erasure deleted is gone from the files too."""
    unscrubbed = (erasures.c.id == erasure_id, erasures.c.scrubbed_at.is_(None))
    connection.execute(update(erasures).where(*unscrubbed).values(scrubbed_at=now))


def read_erasure(connection: Connection, erasure_id: str) -> Erasure | None:
    """What is recorded of an erasure."""
    row = connection.execute(select(erasures).where(erasures.c.id == erasure_id)).one_or_none()
    if row is None:
        return None
    return Erasure(row.id, row.extent, row.at, row.counts.get("before", {}), row.counts.get("after"), row.scrubbed_at)


def clear_traces(connection: Connection, job_id: str, place_keys: Sequence[int]) -> bool:
    """Delete an erasure's own job, which knows where its report went, and the places that nobody needs any more.

    Returns:
        Whether it was done: not before the job has ended.
    """
    job = connection.execute(select(jobs.c.closed_at).where(jobs.c.id == job_id).with_for_update()).one_or_none()
    if job is not None and job.closed_at is None:
        return False
    connection.execute(delete(jobs).where(jobs.c.id == job_id))
    unused = (
        places.c.thread_key.is_(None),
        ~exists().where(turns.c.place_key == places.c.key),
        ~exists().where(jobs.c.place_key == places.c.key),
    )
    for some in portions(place_keys):
        connection.execute(delete(places).where(places.c.key.in_(some), *unused))
    return True
