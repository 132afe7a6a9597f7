"""Storage functions that order what was deleted from the tables to be removed from the files too."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from bot.storage.signals import announce
from bot.turns.job_rows import NewJob, queue_job

#: The kind of the job, and the beginning of its ids.
SCRUB = "scrub"


def queue_scrub(connection: Connection, now: datetime) -> None:
    """Let the files be scrubbed at the end of this minute, once for all that is deleted within it."""
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    new = NewJob(f"{SCRUB}:{minute:%Y-%m-%dT%H:%M}", SCRUB, {}, ready_at=minute + timedelta(minutes=1))
    if word := queue_job(connection, new, now):
        announce(connection, word)
