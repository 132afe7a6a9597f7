"""The numbers that turns live by. The defaults are the product's; `Settings` and tests may say others."""

from dataclasses import dataclass
from datetime import timedelta

from bot.settings import Settings


@dataclass(frozen=True, slots=True)
class TurnOptions:
    """How much one person and one workspace may ask, and how patient the bot is. A limit of None is none."""

    #: Whether a person's messages wait until she was told what is kept of them and who may read it.
    disclose: bool = True
    #: Messages that one person may send in 60 seconds, and in 24 hours.
    messages_per_minute: int | None = 10
    messages_per_day: int | None = 200
    #: Commands that one person may run in 60 seconds, buttons and forms among them; counted by each process.
    commands_per_minute: int | None = 30
    #: Tokens that a workspace's answers may cost in a day (UTC), and the share from which the operator is warned.
    workspace_tokens_per_day: int | None = 2_000_000
    budget_warning: float = 0.8
    #: Turns that may wait for one person.
    queue_per_person: int = 20
    #: Turns that are worked at once: by this process, for one person, for one workspace.
    at_once: int = 16
    at_once_per_person: int = 2
    at_once_per_workspace: int = 8
    #: How often a turn is begun before it is given up: for crashes, a failing model, a platform that takes no post.
    attempts: int = 5
    model_attempts: int = 3
    post_attempts: int = 12
    #: The first pause before a turn is begun again; each further one is twice as long, up to the longest.
    backoff: timedelta = timedelta(seconds=2)
    longest_backoff: timedelta = timedelta(minutes=5)
    #: How often an open turn is begun anew because its question was edited, or because more was said at once.
    restarts: int = 3
    #: How long a process may be silent before another takes over its threads (PostgreSQL).
    lease: timedelta = timedelta(seconds=15)
    #: How long after a post was about to be sent the platform is asked whether it was made: it may still be on the way.
    settling: timedelta = timedelta(seconds=3)
    #: An answer that is whole within this time is posted at once instead of streamed.
    whole: timedelta = timedelta(milliseconds=100)
    #: Behind every wake-up that may be lost stands a look at the queue.
    poll: timedelta = timedelta(seconds=5)
    #: How long running turns may finish when the process is told to end.
    grace: timedelta = timedelta(seconds=25)
    #: A platform is told within this time whether its event was taken in.
    accept: timedelta = timedelta(milliseconds=900)
    #: Faster than this after an answer no human asks again; so many times in a row, it is another bot, and there is
    #: peace for a while.
    hasty: timedelta = timedelta(seconds=2)
    haste: int | None = 6
    peace: timedelta = timedelta(hours=1)
    #: An un-mentioned message in a thread is for the bot if the bot was talked with this recently.
    following: timedelta = timedelta(hours=24)
    #: How long what was delivered, and changes that came too early, are remembered.
    deliveries_kept: timedelta = timedelta(days=7)
    pending_changes_kept: timedelta = timedelta(hours=24)
    #: How long a message waits for its author to be told what is kept; then it is deleted unread.
    held: timedelta = timedelta(hours=24)
    #: How long after somebody read a person's conversations she is told: one notice tells of all that is read in a row.
    notice_after: timedelta = timedelta(minutes=10)
    #: How long messages are kept; None: for ever.
    retention: timedelta | None = timedelta(days=90)


def options_of(settings: Settings) -> TurnOptions:
    """The operator's numbers; 0 stands for no limit."""
    return TurnOptions(
        messages_per_minute=settings.messages_per_minute or None,
        messages_per_day=settings.messages_per_day or None,
        workspace_tokens_per_day=settings.workspace_tokens_per_day or None,
        retention=timedelta(days=settings.retention_days) if settings.retention_days else None,
    )
