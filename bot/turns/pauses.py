"""How long to wait before something is tried again. Pure."""

from datetime import timedelta

from bot.turns.options import TurnOptions

#: A platform that asks for no patience at all is still not asked again at once.
_LEAST = timedelta(milliseconds=100)


def pause_after(attempts: int, options: TurnOptions) -> timedelta:
    """The pause after so many attempts (1 or more): each twice as long as the one before, up to the longest."""
    if attempts > 30:  # noqa: PLR2004 (2**30 seconds are longer than any pause)
        return options.longest_backoff
    return min(options.backoff * (1 << max(0, attempts - 1)), options.longest_backoff)


def patient(asked_for: timedelta, options: TurnOptions) -> timedelta:
    """The pause that a platform asked for, within reason: after the longest it is asked again."""
    return min(max(asked_for, _LEAST), options.longest_backoff)
