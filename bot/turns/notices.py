"""What people are told when they are not answered as usual: what happened, and what to do. Pure."""

from datetime import timedelta

from bot.limits import MESSAGE_BYTES

STOPPED = "(Stopped, as you asked.)"
STOPPED_BEFORE = "Stopped, before I had said anything."
#: Ends an edited message that became too long to be kept.
CUT = "\n\n(The rest of this message is longer than can be kept.)"
HELD = (
    "I cannot take more messages before you have seen what I keep and who may read it: please press Continue or "
    "“Don't keep mine” in what I wrote to you, then write again."
)
NOT_OFF_RECORD = (
    "Off the record is not possible here: an admin switched it off. I did not keep your message, nor answer it. "
    "`privacy` shows what is kept of you, and for how long."
)
SWITCHED_OFF = (
    "An admin switched me off in this channel, so I did not keep your message. Please ask me in a direct "
    "conversation, or in another channel."
)
GIVEN_UP = "I could not answer this: it failed several times, for a reason on my side. Please ask again later."


def too_fast(per_minute: int, wait: timedelta) -> str:
    """More messages in a minute than one person may send."""
    seconds = max(1, round(wait.total_seconds()))
    return (
        f"I take {per_minute} messages a minute from each person, and did not keep what came after that. "
        f"Please write again in {seconds} seconds."
    )


def too_many(per_day: int) -> str:
    """More messages in a day than one person may send."""
    return (
        f"I take {per_day} messages a day from each person, and did not keep what came after that. "
        "Please write again tomorrow, or ask an admin for more."
    )


def queue_full(waiting: int) -> str:
    """More questions wait than one person may have waiting."""
    return f"{waiting} of your questions wait for an answer, and I did not keep the last one. Please wait for those."


def too_long() -> str:
    """A message longer than any that is kept."""
    return f"Your message is longer than the {MESSAGE_BYTES:,} bytes that I can take. Please send it in parts."


def unusable() -> str:
    """A message that cannot be stored for another reason."""
    return "I could not take your message: too much is attached to it. Please send it in parts."


def budget_spent() -> str:
    """The workspace's answers of a day are paid out."""
    return (
        "This workspace has used up its daily budget for answers, so I did not keep your message. "
        "It begins anew at 00:00 UTC; an admin can raise it."
    )


def in_circles(peace: timedelta) -> str:
    """Somebody answers faster than a human can read."""
    minutes = round(peace.total_seconds() / 60)
    return (
        "You answer faster than a person can read, so I take this for two bots talking to each other and stop here. "
        f"I listen again in {minutes} minutes."
    )
