"""What addresses name. A name that cannot be one is the name of nothing."""

import re

from starlette.exceptions import HTTPException
from starlette.requests import Request

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_CHANNEL = re.compile(rf"@?{_NAME.pattern}")
_POST = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NUMBER_DIGITS = 15

ABSENT = "There is no such page, or it is not yours to see."


def absent() -> HTTPException:
    """What is not there and what may not be seen look alike."""
    return HTTPException(404, ABSENT)


def person_in(request: Request) -> str:
    """The person in whose name a request comes."""
    return _checked(_NAME, request.path_params["person"])


def channel_in(request: Request) -> str:
    """The channel that a request is about."""
    return _checked(_CHANNEL, request.path_params["channel"])


def post_in(text: str) -> str:
    """The id of a post, or ""."""
    return _checked(_POST, text) if text else ""


def number_in(text: str) -> int | None:
    """A number, or None for ""."""
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > _NUMBER_DIGITS:
        raise absent()
    return int(text)


def _checked(form: re.Pattern[str], text: str) -> str:
    if not form.fullmatch(text):
        raise absent()
    return text
