"""Everything that the turns change, from the first delivery to the last sweep, with ids and times given."""

from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.access.scope import Scope
from bot.chat import Feedback, Invocation, PlaceChanged
from bot.errors import BotError
from bot.memory.drafts import draft
from bot.memory.turn_rows import Cost
from bot.memory.values import NewMessage
from bot.memory.workspace_rows import ensure_workspace
from bot.storage.store import Store
from bot.turns.cost_rows import pay_unanswered
from bot.turns.job_lease_rows import claim_job, free_jobs, renew_jobs
from bot.turns.job_rows import (
    NewJob,
    begin_job_post,
    finish_job,
    note_progress,
    queue_job,
    record_report,
    release_job,
)
from bot.turns.jobs import queue_periodic
from bot.turns.lease_rows import free_all, let_go, renew_leases
from bot.turns.place_rows import begin_anew
from bot.turns.post_rows import accept_post, begin_post, finish_posts, forget_post, give_up_post
from bot.turns.retention import (
    sweep_deliveries,
    sweep_jobs,
    sweep_messages,
    sweep_pending_changes,
    sweep_places,
    sweep_turns,
    sweep_utterances,
)
from bot.turns.turn_rows import Recording, claim_turn, finish_turn, record_answer, release_turn, reread_turn
from tests.bot.storage.erasure_scenario import erasure_scenario
from tests.bot.storage.held_scenario import held_scenario
from tests.bot.turns.events import (
    HERE,
    NOON,
    UNLIMITED,
    Desk,
    Moment,
    channel_thread,
    deletion,
    edit_of,
    every_event,
    installation,
    message,
    new_delivery,
    person,
    place,
)

OPTIONS = replace(UNLIMITED, messages_per_minute=8, workspace_tokens_per_day=10, haste=6)
LATER = NOON + timedelta(days=400)


async def turn_scenario(store: Store) -> list[Any]:
    """Let everything happen once; what became of each event and of each turn."""
    desk = Desk(store, OPTIONS, Moment())
    done: list[Any] = []
    await _events(desk, done)
    await _turns(store, done)
    await _jobs(store, done)
    done.extend(await erasure_scenario(store))
    done.extend(await held_scenario(store))
    sweeps = (
        sweep_messages,
        sweep_deliveries,
        sweep_utterances,
        sweep_pending_changes,
        sweep_turns,
        sweep_jobs,
        sweep_places,
    )
    return [*done, *[await store.write(sweep, LATER) for sweep in sweeps]]


async def _events(desk: Desk, done: list[Any]) -> None:
    first = message()
    early = message("what is its colour?", "m2")
    # In a channel whose place is known before, with all that may come before a message.
    root = channel_thread()
    events = [
        *every_event("local:elsewhere"),
        *(replace(one, utterance_id="c1") for one in every_event(HERE) if isinstance(one, Invocation)),
        installation(installed=False, workspace="local:elsewhere"),
        first,
        replace(first, delivery_id=new_delivery()),
        replace(first, delivery_id=new_delivery(), utterance_id="m1b", aliases=("m1", "m1c")),
        message("one more thing", "m1d"),
        edit_of(early, "which colour has it?"),
        early,
        edit_of(first, "where is the red boat?"),
        message("x" * 1_100_000, "m3"),
        message("and here?", "m4", where=root),
        message("a reply", "m5", where=root, addressing="channel", replies_to="m4"),
        PlaceChanged(delivery_id=new_delivery(), place=replace(root, name="#new", kind="private")),
        message("hello", "b1", who=person("ben"), where=place("@ben")),
        deletion("b1", "never said"),
    ]
    done.extend([await desk.take(event) for event in events])
    ana = Scope("system", await desk.store.write(ensure_workspace, HERE, NOON), ())
    await desk.store.write(begin_anew, ana, place(), NOON)
    done.extend([await desk.take(message("again", f"n{number}")) for number in range(6)])


async def _turns(store: Store, done: list[Any]) -> None:
    await store.write(free_all)
    turn = await store.write(claim_turn, "a process", ["local"], [], OPTIONS, NOON)
    assert turn is not None
    turn = await store.write(reread_turn, turn, OPTIONS, NOON, take=True)
    said = NewMessage(turn.thread_id, turn.person.resource_id, "in the bay", "assistant", outcome="answered")
    recording = Recording(draft(said, "a1"), Cost("m", 10, 10, False, 1), ("m1",), "key of part 0")
    post = await store.write(record_answer, turn, recording, OPTIONS, NOON)
    assert post is not None
    await store.write(give_up_post, post, "planned")
    post = await store.write(begin_post, turn, 0, "key of part 0", OPTIONS, NOON)
    await store.write(accept_post, post.value, "post 0")
    await store.write(finish_posts, turn_key=turn.key)
    await store.write(begin_post, turn, 1, "key of part 1", OPTIONS, NOON)
    await store.write(forget_post, "key of part 1")
    for answer_id in ("a1", "given up"):
        await store.write(pay_unanswered, turn, answer_id, Cost("m", 3, 4, True, 1), OPTIONS, NOON)
    done.append(list(await store.write(renew_leases, "a process", [turn.thread_key], OPTIONS, NOON)) != [])
    desk = Desk(store, replace(OPTIONS, messages_per_minute=None), Moment())
    done.append(await desk.take(message("so fast", "m9", replies_to="m1")))
    about = {"person": turn.person, "place": turn.place}
    for value in ("good", "none"):
        rated = Feedback(delivery_id=new_delivery(), post_id="post 0", value=value, **about)  # type: ignore[arg-type]
        done.append(await desk.take(rated))
    done.append(await store.write(finish_turn, turn, "answered", "", "the next turn", NOON))
    turn = await store.write(claim_turn, "a process", ["local"], [], OPTIONS, NOON)
    assert turn is not None
    done.append(await desk.take(edit_of(message("", turn.asked[0].id), "changed", NOON + timedelta(hours=1))))
    await _keep(done, store.write(finish_turn, turn, "answered", "", "no turn", NOON))
    turn = await store.write(reread_turn, turn, OPTIONS, NOON, take=True)
    await store.write(release_turn, turn, timedelta(), counted=False, now=NOON)
    await _keep(done, store.write(reread_turn, turn, OPTIONS, NOON, take=True))
    turn = await store.write(claim_turn, "a process", ["local"], [], OPTIONS, NOON)
    assert turn is not None
    await store.write(let_go, turn.thread_key, turn.key, turn.lease, NOON)


async def _jobs(store: Store, done: list[Any]) -> None:
    await store.write(free_jobs)
    await store.write(queue_periodic, NOON)
    new = NewJob("j1", "notice", {}, report="Something is to be said.")
    done.extend([await store.write(queue_job, new, NOON) for _ in range(2)])
    job = await store.write(claim_job, "a process", ["local"], [], OPTIONS, NOON)
    assert job is not None
    await store.write(note_progress, job, "half done", OPTIONS, NOON)
    await store.write(record_report, job, "done", OPTIONS, NOON)
    done.append(list(await store.write(renew_jobs, "a process", [job.key], OPTIONS, NOON)) != [])
    await store.write(release_job, job, timedelta(), OPTIONS, NOON, counted=True)
    job = await store.write(claim_job, "a process", ["local"], [], OPTIONS, NOON)
    assert job is not None
    if job.workspace_key is not None:
        await store.write(begin_job_post, job, 0, "key of a job", OPTIONS, NOON)
    await store.write(finish_job, job, "done", "", OPTIONS, NOON)


async def _keep(done: list[Any], call: Awaitable[Any]) -> None:
    try:
        done.append(await call)
    except BotError as error:
        done.append((type(error), str(error)))
