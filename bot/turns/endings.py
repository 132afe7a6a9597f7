"""How the work on a turn ends: it is closed, or put back to be worked again."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.errors import PlatformBusy, PlatformError, PostRefused, PostUncertain
from bot.turns.options import TurnOptions
from bot.turns.pauses import patient, pause_after
from bot.turns.turn_values import Closed, Turn

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Close:
    """The turn has ended."""

    state: Closed
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """The turn is to be worked again, after a pause."""

    pause: timedelta
    counted: bool = True


Ending = Close | Release


def after_failure(turn: Turn, error: Exception, options: TurnOptions) -> Ending:
    """How it goes on after a failure: it is tried again later, unless that is vain or was done often enough."""
    reason = type(error).__name__
    if isinstance(error, PlatformBusy):
        return Release(patient(error.retry_after, options), counted=False)
    if isinstance(error, PlatformError):
        _log.warning("an answer could not be delivered", turn=turn.id, error=reason)
        most = 0 if isinstance(error, PostRefused) else options.post_attempts
    else:
        _log.error("a turn failed in a way that no turn should", turn=turn.id, error=reason)
        # One more than those in which an answer is tried: in the last the person is told.
        most = options.attempts + 1
    if turn.attempts >= most:
        return Close("failed" if turn.asked else "withdrawn", reason)
    pause = pause_after(turn.attempts, options)
    return Release(max(pause, options.settling) if isinstance(error, PostUncertain) else pause)
