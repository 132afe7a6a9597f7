"""`usage`: what I have used, and what is left of it today."""

from collections.abc import Mapping
from typing import Any

from bot.chat import Reply, Table
from bot.commands.context import Context
from bot.commands.declaration import Command
from bot.turns.rate_rows import Used, used_by


async def _usage(context: Context, _arguments: Mapping[str, Any]) -> None:
    store, who = context.bench.store, context.person.resource_id
    used = await store.read(used_by, context.scope, who, context.now())
    options = context.bench.options
    table = Table(
        ("what", "used", "limit"),
        (
            ("Messages in the last minute", f"{used.lately:,}", _limit(options.messages_per_minute)),
            ("Messages in the last 24 hours", f"{used.today:,}", _limit(options.messages_per_day)),
            ("Tokens of answers to you today", f"{used.tokens:,}", "none"),
            ("Tokens of this workspace today", f"{used.workspace_tokens:,}", _limit(options.workspace_tokens_per_day)),
        ),
    )
    await context.answer(Reply(_said(context, used), (context.button("Privacy", "privacy"),), table=table))


def _said(context: Context, used: Used) -> str:
    budget = context.bench.options.workspace_tokens_per_day
    if budget is None:
        return "What you have used. Days begin at 00:00 UTC."
    left = max(0, budget - used.workspace_tokens)
    share = round(100 * left / max(1, budget))
    warning = " **It comes to its end; answers begin again at 00:00 UTC.**" if share <= _WARNED_AT else ""
    return f"What you have used. Days begin at 00:00 UTC. Of this workspace's daily budget {share} % is left.{warning}"


def _limit(limit: int | None) -> str:
    return "none" if limit is None else f"{limit:,}"


#: Below this share, in percent, whoever asks is warned.
_WARNED_AT = 20

USAGE = Command("usage", "What I have used today, and my limits", _usage)
