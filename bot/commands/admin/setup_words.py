"""The checklist of the first choices. Pure."""

from dataclasses import dataclass

from bot.access.disclosure import NOBODY, Operator
from bot.access.workspace_settings import WorkspaceSettings, kept_days
from bot.commands.admin.setting_words import days_words
from bot.commonmark import inline


@dataclass(frozen=True, slots=True)
class Situation:
    """What a workspace looks like."""

    settings: WorkspaceSettings
    operator: Operator
    model_name: str
    admins: int
    supervisors: int
    #: How the contact is called; "" where nobody is named.
    contact: str


def checklist(now: Situation) -> str:
    """What is done and what is not, as CommonMark."""
    chosen, operator = now.settings, now.operator
    items = [
        _model(now),
        _supervision(chosen),
        _item(
            "Keeping",
            f"messages are kept for {days_words(kept_days(operator.retention_days, chosen.retention_days))}.",
            done=True,
        ),
        _item(
            "Contact",
            f"questions about data are answered by {inline(now.contact)}."
            if chosen.contact
            else "nobody is named whom people may ask about their data.",
            done=bool(chosen.contact),
        ),
        _roles(now),
    ]
    head = f"**Setting up {inline(operator.bot_name)} in this workspace**"
    tail = "Everything can be changed later, here and with `admin settings`."
    return "\n".join([head, "", *items, "", tail])


def _item(name: str, text: str, *, done: bool) -> str:
    return f"- {'Done' if done else '**To do**'}: **{name}**: {text}"


def _model(now: Situation) -> str:
    if now.operator.provider == NOBODY:
        text = (
            "none is set, so I answer from the conversation alone. Whoever runs me sets MODEL and OPENAI_API_KEY, "
            "or OPENAI_BASE_URL for an own server."
        )
        return _item("Model", text, done=False)
    return _item("Model", f"{inline(now.model_name)} answers, from {inline(now.operator.provider)}.", done=True)


def _supervision(chosen: WorkspaceSettings) -> str:
    text = {
        "off": "nobody reads other people's conversations.",
        "channels": "supervisors may read conversations in channels, no direct messages.",
        "all": "supervisors may read conversations, direct messages included.",
    }[chosen.supervision]
    return _item("Supervision", text if chosen.set_up else f"{text} Nobody decided that yet.", done=chosen.set_up)


def _roles(now: Situation) -> str:
    admins = "1 admin" if now.admins == 1 else f"{now.admins:,} admins"
    supervisors = "1 supervisor" if now.supervisors == 1 else f"{now.supervisors:,} supervisors"
    wanted = now.settings.supervision != "off" and not now.supervisors
    more = " Supervision is on, and there is nobody to supervise." if wanted else ""
    return _item("People", f"{admins}, {supervisors}.{more}", done=not wanted)


def supervision_question() -> str:
    """What is said before supervision is chosen."""
    return (
        "**Whose conversations with me may supervisors read?**\n\n"
        "Supervisors read within their scope, with a reason, and every reading is recorded and shown to the person. "
        "Direct messages with me are read only if you include them. Whatever you choose: words that were written "
        "before stay unread, and everybody who was told less is told again before anything more of theirs is kept."
    )
