"""`admin usage`: what this workspace uses by day, and what is left of its budget. Nobody is named."""

from collections.abc import Mapping
from typing import Any

from bot.chat import Reply, Table
from bot.commands.admin.usage_rows import WorkspaceUse, workspace_use
from bot.commands.context import Context
from bot.commands.declaration import Command
from bot.turns.options import TurnOptions

_DAYS = 14


async def _usage(context: Context, _arguments: Mapping[str, Any]) -> None:
    used = await context.bench.store.read(workspace_use, context.scope, _DAYS, context.now())
    table = Table(
        ("day (UTC)", "messages", "answers", "people answered", "tokens"),
        tuple(
            (
                one.day.isoformat(),
                f"{one.messages:,}",
                f"{one.answers:,}",
                f"{one.people:,}",
                f"{one.tokens:,}",
            )
            for one in used.days
        ),
    )
    await context.answer(Reply(usage_words(used, context.bench.options), table=table))


def usage_words(used: WorkspaceUse, options: TurnOptions) -> str:
    """What stands above the table."""
    people = "1 person was" if used.people == 1 else f"{used.people:,} people were"
    lines = [f"**Usage of this workspace**, the last {len(used.days)} days. {people} answered in this time."]
    budget, today = options.workspace_tokens_per_day, used.days[0].tokens
    if budget is None:
        lines.append("There is no daily budget.")
    else:
        share = round(100 * today / max(1, budget))
        left = max(0, budget - today)
        lines.append(f"Today's budget: {today:,} of {budget:,} tokens used ({share} %), {left:,} left.")
        if today >= budget:
            lines.append("**It is used up: nothing is answered before 00:00 UTC.**")
        elif today >= options.budget_warning * budget:
            lines.append("**It comes to its end. When it is used up, nothing is answered before 00:00 UTC.**")
    return "\n\n".join(lines)


COMMANDS = (Command("admin usage", "What this workspace uses by day, and its budget", _usage, who="admin"),)
