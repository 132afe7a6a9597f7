"""Reading embeddings, whichever way a server encodes them. Pure: no network, and nothing of openai."""

import base64
import math
import struct

from pydantic import BaseModel

_FLOAT_BYTES = 4


class _Vector(BaseModel):
    index: int | None = None
    embedding: list[float] | str


class _Vectors(BaseModel):
    data: list[_Vector]


def read_vectors(received: object, texts: int) -> list[tuple[float, ...]]:
    """The vectors of so many texts, in the texts' order.

    Raises:
        ValueError: there are more or fewer, or one has other dimensions than the rest, or they are no vectors at all.
    """
    data = _Vectors.model_validate(received, from_attributes=True).data
    by_index = {position if item.index is None else item.index: item for position, item in enumerate(data)}
    if len(data) != texts or set(by_index) != set(range(texts)):
        raise ValueError("The vectors are not one for each text.")
    return alike([_numbers(by_index[position].embedding) for position in range(texts)])


def alike(vectors: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """The same vectors, if they can be compared with each other.

    Raises:
        ValueError: they are empty or of different dimensions.
    """
    if len({len(vector) for vector in vectors}) > 1 or not all(vectors):
        raise ValueError("The vectors do not have the same dimensions.")
    return vectors


def _numbers(embedding: list[float] | str) -> tuple[float, ...]:
    """Base64 holds 32-bit floats, lowest byte first."""
    if isinstance(embedding, str):
        packed = base64.b64decode(embedding, validate=True)
        if len(packed) % _FLOAT_BYTES:
            raise ValueError("The vector is cut.")
        embedding = list(struct.unpack(f"<{len(packed) // _FLOAT_BYTES}f", packed))
    if not all(map(math.isfinite, embedding)):
        raise ValueError("The vector holds something that is no number.")
    return tuple(embedding)
