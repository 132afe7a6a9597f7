"""`admin setup`: the first choices as a list of what is done and what is not, each with its button."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from bot.access.disclosure import operator_of
from bot.access.settings_rows import chosen_settings
from bot.chat import Button, Reply
from bot.commands.admin.role_rows import count_roles
from bot.commands.admin.roles import name_of
from bot.commands.admin.setting_words import SUPERVISION
from bot.commands.admin.settings import apply, said
from bot.commands.admin.setup_words import Situation, checklist, supervision_question
from bot.commands.context import Context
from bot.commands.declaration import Command, Option
from bot.commands.direct import write_to
from bot.turns.turn_values import Notice

_CONFIRM = {
    "off": "Switch supervision off? Supervisors may read nothing then, not even what they may read now.",
    "channels": "Let supervisors read conversations in channels, without direct messages? Words that were written "
    "before stay unread; everybody who was told less is told again before anything more of theirs is kept.",
    "all": "Let supervisors read conversations, direct messages included? Words that were written before stay unread; "
    "everybody who was told less is told again before anything more of theirs is kept.",
}


async def _setup(context: Context, _arguments: Mapping[str, Any]) -> None:
    bench = context.bench
    chosen = (await bench.store.read(chosen_settings, context.scope)).settings
    admins, supervisors = await bench.store.read(count_roles, context.scope)
    contact = await name_of(context, chosen.contact) if chosen.contact else ""
    now = Situation(chosen, operator_of(bench.settings), bench.model.name, admins, supervisors, contact)
    keeping = context.button("Keeping and contact…", "admin settings form", group="keeping")
    await context.answer(
        Reply(
            checklist(now),
            (
                context.button("Supervision…", "admin setup supervision"),
                keeping,
                context.button("People…", "admin roles"),
                context.button("All settings", "admin settings"),
                context.button("Send me a test message", "admin setup test"),
            ),
        )
    )


async def _supervision(context: Context, arguments: Mapping[str, Any]) -> None:
    """Without a choice: the question. With one, which the button asked to confirm: it is made."""
    if (value := arguments.get("supervision")) is None:
        buttons = tuple(
            Button(
                label,
                "admin setup supervision",
                {"supervision": choice},
                confirm=_CONFIRM[choice],
                person=context.person.resource_id,
            )
            for choice, label in SUPERVISION
        )
        await context.answer(Reply(supervision_question(), (*buttons, context.button("Back", "admin setup"))))
        return
    made = await apply(context, {"supervision": value, "set_up": True})
    await context.answer(Reply(said(made), (context.button("Go on", "admin setup"),)))


async def _test(context: Context, _arguments: Mapping[str, Any]) -> None:
    notice = Notice(f"test message:{uuid4()}", "This is the test message that you asked for: I can write to you here.")
    sent = await write_to(context, context.person.resource_id, notice)
    back = context.button("Back", "admin setup")
    text = (
        "A test message is on its way to our direct conversation."
        if sent
        else "I cannot write to you directly: you or the platform do not allow it."
    )
    await context.answer(Reply(text, (back,)))


COMMANDS = (
    Command("admin setup", "The first choices: what is done, and what is not", _setup, who="admin"),
    Command(
        "admin setup supervision",
        "Choose whose conversations supervisors may read",
        _supervision,
        (Option("supervision", "Whose", "choice", choices=SUPERVISION),),
        who="admin",
        typed=False,
    ),
    Command("admin setup test", "Get a test message", _test, who="admin", typed=False),
)
