"""Finding the few ids that occur more than once, in memory that does not grow with the file."""

#: 128 MB: of fifty million ids, one in forty is suspected wrongly, and costs nothing but a counter.
_MOST_BITS = 1 << 30


class RepeatFilter:
    """Suspects each id that was seen before: always rightly so where it was, rarely where it was not.

    A Bloom filter of one hash. The suspects are to be counted exactly in a second reading; remembering every id
    instead would take gigabytes for a file of ten. `size` is the file's, in bytes: one bit for each byte is plenty.
    """

    def __init__(self, size: int) -> None:
        self._bits = bytearray(min(size, _MOST_BITS) // 8 + 1)

    def seen(self, derived_id: str) -> bool:
        """Whether the id was perhaps seen before; from now on it was. It must end in hexadecimal digits of a hash."""
        byte, bit = divmod(int(derived_id[-16:], 16) % (len(self._bits) * 8), 8)
        before = bool(self._bits[byte] >> bit & 1)
        self._bits[byte] |= 1 << bit
        return before
