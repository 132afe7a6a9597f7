"""What somebody has not seen yet, for as long as her session lives and this process runs."""

from collections import OrderedDict
from collections.abc import Mapping

#: Sessions with persons that are remembered; of the others nothing counts as unread.
_REMEMBERED = 1_000


class Unread:
    """Up to where each person of each session has seen each channel."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str], tuple[int, dict[str, int]]] = OrderedDict()

    def begin(self, session_id: str, person: str, newest: int) -> int:
        """Whatever came before a person was first looked at counts as seen. Returns the key of the newest of that."""
        key = (session_id, person)
        if key not in self._seen:
            self._seen[key] = (newest, {})
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        return self._seen[key][0]

    def saw(self, session_id: str, person: str, channel: str, newest: int) -> None:
        """She has a channel before her eyes."""
        _, seen = self._seen.get((session_id, person), (0, {}))
        seen[channel] = max(newest, seen.get(channel, 0))

    def among(self, session_id: str, person: str, newest: Mapping[str, int]) -> frozenset[str]:
        """In which channels there is something new, given the newest key of each."""
        begun, seen = self._seen.get((session_id, person), (0, {}))
        return frozenset(channel for channel, key in newest.items() if key > seen.get(channel, begun))
