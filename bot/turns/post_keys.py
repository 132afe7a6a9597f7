"""The keys of posts: the same for the same part of the same answer, for ever. Pure."""

from base64 import b32encode
from hashlib import sha256

#: The longest nonce that Discord takes.
KEY_CHARACTERS = 25


def post_value(owner: str, part: int) -> str:
    """The key of a part of a turn's answer, or of a job's report, as text."""
    digest = sha256(f"{len(owner)}:{owner}:{part}".encode()).digest()
    return b32encode(digest).decode().lower()[:KEY_CHARACTERS]
