"""What a person is told before anything of hers is kept; and what she chooses then."""

from collections.abc import Mapping
from typing import Any

from bot.access.disclosure import Disclosure, DisclosureFacts, first_contact, operator_of
from bot.access.scope import Scope
from bot.access.telling import telling
from bot.chat import Button, Reply
from bot.commands.context import Context
from bot.commands.declaration import Command, Option
from bot.turns.accept_rows import release_held
from bot.turns.held_rows import read_held
from bot.turns.incoming import incoming
from bot.turns.job_rows import Job
from bot.turns.jobs import Progress
from bot.turns.working import Bench

_VERSION = Option("version", "Which version of what is told", "number", required=True)
_POINTER = (
    "Before I keep anything that you write, I have to tell you something in private. What you wrote waits until then, "
    "unread, for a day."
)
_WAITS = "What you wrote waits until you choose, unread, for a day."


async def tell(bench: Bench, job: Job, _progress: Progress) -> Reply | str:
    """The job: tell a person where she speaks with the bot alone; elsewhere, that there is something to be told."""
    if job.workspace_key is None or job.place is None:
        return ""
    scope = Scope("system", job.workspace_key, ())
    if not await bench.store.read(read_held, scope, job.resource_id):
        return ""  # she chose meanwhile, or took it back
    if job.place.kind != "direct":
        return Reply(_POINTER, (Button("Show me", "welcome", style="primary", person=job.resource_id),))
    facts, told = await bench.store.write(telling, scope, operator_of(bench.settings), job.resource_id, bench.now())
    return _notice(facts, told, job.resource_id)


def _notice(facts: DisclosureFacts, told: Disclosure, resource_id: str) -> Reply:
    version = {"version": str(told.version)}
    return Reply(
        f"{first_contact(facts)}\n\n{_WAITS}",
        (
            Button("Continue", "welcome continue", version, "primary", person=resource_id),
            Button("Don't keep mine", "welcome decline", version, person=resource_id),
            Button("Details", "privacy", person=resource_id),
        ),
    )


async def _welcome(context: Context, _arguments: Mapping[str, Any]) -> None:
    facts, told = await _telling(context)
    await context.answer(_notice(facts, told, context.person.resource_id))


async def _telling(context: Context) -> tuple[DisclosureFacts, Disclosure]:
    bench = context.bench
    operator = operator_of(bench.settings)
    return await bench.store.write(telling, context.scope, operator, context.person.resource_id, context.now())


async def _continue(context: Context, arguments: Mapping[str, Any]) -> None:
    await _chosen(context, arguments["version"], keeps=True)


async def _decline(context: Context, arguments: Mapping[str, Any]) -> None:
    await _chosen(context, arguments["version"], keeps=False)


async def _chosen(context: Context, version: int, *, keeps: bool) -> None:
    bench, who = context.bench, context.person.resource_id
    facts, told = await _telling(context)
    if version != told.version:
        # Something changed since the button was shown: what she agrees to is what she was told.
        await context.answer(_notice(facts, told, who))
        return
    # What comes while she chooses is found by looking again.
    while waiting := await bench.store.read(read_held, context.scope, who):
        given = [incoming(one) for one in waiting]
        words = await bench.store.write(
            release_held, context.scope, who, version, given, bench.options, context.now(), keeps=keeps
        )
        context.wake(*words)
    await bench.store.write(release_held, context.scope, who, version, (), bench.options, context.now(), keeps=keeps)
    kept = (
        "Thank you. `privacy` shows at any time what I keep and who has read it."
        if keeps
        else "I keep nothing of what you write: each message is erased once it is answered. `privacy` changes that."
    )
    await context.answer(Reply(kept))


WELCOME = Command("welcome", "What I keep, and who may read it", _welcome, typed=False)
CONTINUE = Command("welcome continue", "Let the bot keep what I write", _continue, (_VERSION,), typed=False)
DECLINE = Command("welcome decline", "Let the bot keep nothing that I write", _decline, (_VERSION,), typed=False)
