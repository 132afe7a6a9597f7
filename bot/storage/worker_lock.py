"""One process works on a SQLite file: a lock of the operating system beside it, which dies with its process."""

import fcntl
import os
from pathlib import Path
from typing import IO

from bot.errors import StorageUnavailable, WorkerRunning
from bot.storage.faults import translated


class WorkerLock:
    """A held lock; its file holds the holder's process id."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    @classmethod
    def acquire(cls, database: Path) -> "WorkerLock":
        """Take the lock of `database`.

        Raises:
            WorkerRunning: another process holds it; the sentence names that process.
        """
        real = database.resolve()  # a link to the file is the same file
        with translated():
            file = real.with_name(f"{real.name}.lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise WorkerRunning(
                f"Another Threadkeeper (process {holder}) already works on {database}. "
                "Stop it first, or use another DATABASE_URL."
            ) from None
        except OSError as error:
            file.close()
            raise StorageUnavailable(f"The file system cannot lock {real}: {error.strerror}.") from error
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        return cls(file)

    def release(self) -> None:
        """Give the lock up. The file stays: removing it would let two processes lock two files of one name."""
        self._file.close()


def lock_holder(database: Path) -> str | None:
    """The process that holds the lock of `database`, as far as it says; None where nobody holds it."""
    real = database.resolve()
    try:
        with real.with_name(f"{real.name}.lock").open(encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip() or "unknown"
    except OSError:
        return None
    return None
