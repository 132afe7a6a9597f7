"""Storage functions that order what was deleted from the tables to be removed from the files too."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from bot.storage.columns import EPOCH
from bot.storage.signals import announce
from bot.turns.job_rows import NewJob, queue_job

#: The kind of the job, and the beginning of its ids.
SCRUB = "scrub"
LEAST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)


def queue_scrub(connection: Connection, now: datetime, pause: timedelta = LEAST_PAUSE) -> None:
    """Let the files be scrubbed at the end of this minute, once for all that is deleted within it.

    Args:
        connection: in a transaction.
        now: the time.
        pause: whole minutes: at the end of which stretch of that length instead, once for all who wait for it.
    """
    begun = (now - EPOCH) // pause
    at = (EPOCH + (begun + 1) * pause).astimezone(UTC)
    new = NewJob(f"{SCRUB}:{at:%Y-%m-%dT%H:%M}", SCRUB, {"pause": pause // LEAST_PAUSE}, ready_at=at)
    if word := queue_job(connection, new, now):
        announce(connection, word)
