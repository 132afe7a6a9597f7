"""How many commands one person may run: whoever lets a program press buttons is asked to wait."""

from collections import deque
from datetime import datetime, timedelta

_SPAN = timedelta(minutes=1)
#: Persons who are remembered; then those who have been quiet are forgotten.
_REMEMBERED = 10_000


class Pace:
    """Counts what each person ran within the last minute, in this process.

    Args:
        most: how many commands one person may run in a minute; None sets no limit.
    """

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._ran: dict[str, deque[datetime]] = {}

    def wait(self, person: str, now: datetime) -> timedelta:
        """How long somebody has to wait; nothing where she may go on, which counts as a command then."""
        if self._most is None:
            return timedelta()
        if person not in self._ran and len(self._ran) >= _REMEMBERED:
            self._ran = {one: times for one, times in self._ran.items() if times and now - times[-1] < _SPAN}
        times = self._ran.setdefault(person, deque())
        while times and now - times[0] >= _SPAN:
            times.popleft()
        if len(times) >= self._most:
            return _SPAN - (now - times[0])
        times.append(now)
        return timedelta()


def too_many(most: int | None, wait: timedelta) -> str:
    """What is said to whoever has to wait."""
    seconds = max(1, round(wait.total_seconds()))
    return f"I take {most} commands a minute from each person. Please try again in {seconds} seconds."
