"""The admins' jobs: the access log verified, and the warning that a workspace's budget comes to its end."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy import Connection

from bot.access.recorder import Recorder
from bot.access.scope import Scope
from bot.access.verification import Verdict
from bot.chat import Adapter, PlaceRef
from bot.commands.admin.announcing import listeners, tell_admins
from bot.memory.workspace_rows import workspace_key
from bot.storage.signals import announce
from bot.turns.job_rows import Job, NewJob, queue_job
from bot.turns.jobs import JobKinds, Progress
from bot.turns.place_rows import lock_place
from bot.turns.rate_rows import BUDGET
from bot.turns.turn_values import Notice, Word
from bot.turns.working import Bench

_log = structlog.get_logger(__name__)

#: The kind of the job that verifies a workspace's access log.
VERIFY = "verify audit"


def admin_kinds(recorder: Recorder, adapters: Mapping[str, Adapter]) -> JobKinds:
    """The jobs that need to know who records, or who can be written to.

    Args:
        recorder: of the bot's own database.
        adapters: the platforms; looked at when a job is done, not before.
    """
    return {VERIFY: partial(_verify, recorder), BUDGET: partial(_warn_of_budget, adapters)}


def queue_verification(connection: Connection, scope: Scope, resource_id: str, place: PlaceRef, now: datetime) -> Word:
    """Queue the verification of a workspace's access log; of several that are asked for in one minute, one is done.

    Args:
        connection: in a transaction.
        scope: the program's own.
        resource_id: who asked.
        place: where she is told the result.
        now: the time.
    """
    there = lock_place(connection, scope, place, now)
    job_id = f"{VERIFY}:{scope.workspace_key}:{resource_id}:{now:%Y-%m-%dT%H:%M}"
    arguments = {"workspace": place.workspace_id}
    word = queue_job(connection, NewJob(job_id, VERIFY, arguments, scope.workspace_key, place_key=there.key), now)
    if word:
        announce(connection, word)
    return word


async def _verify(recorder: Recorder, bench: Bench, job: Job, _progress: Progress) -> str:
    return verdict_words(await recorder.verify(bench.store, job.arguments["workspace"]))


def verdict_words(verdict: Verdict) -> str:
    """What came of a verification."""
    rows = "1 entry" if verdict.chained == 1 else f"{verdict.chained:,} entries"
    before = f" {verdict.unchained:,} older ones were written before there was a chain." if verdict.unchained else ""
    if verdict.damage is None:
        return f"The access log of this workspace is whole: {rows}, none changed, none missing.{before}"
    return (
        f"**The access log of this workspace is not whole.** {rows} are as they were written; then: "
        f"{verdict.damage.sentence}{before} Please tell whoever runs me: `threadkeeper verify-audit` shows the same."
    )


async def _warn_of_budget(adapters: Mapping[str, Adapter], bench: Bench, job: Job, _progress: Progress) -> str:
    """Tell the operator, and each admin once; done again, it tells nobody twice."""
    _log.warning(BUDGET, **job.arguments)
    workspace_id = job.arguments["workspace"]
    key = await bench.store.read(workspace_key, workspace_id)
    if key is None:
        return ""
    scope = Scope("system", key, ())
    people = await listeners(bench.store, adapters, scope, workspace_id)
    notice = Notice(job.id, budget_words(job.arguments["share"]))
    await bench.store.write(tell_admins, scope, notice, people, bench.now())
    return ""


def budget_words(share: float) -> str:
    """The warning, once a day; `share` of the budget is used."""
    return (
        f"{round(100 * share)} % of this workspace's daily budget for answers is used. When it is used up, nothing is "
        "answered before 00:00 UTC. `admin usage` shows what it went into; whoever runs me can raise it."
    )
