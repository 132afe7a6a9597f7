"""What can go wrong between us and a model server, translated to our errors; and which of it passes by itself.

openai is imported inside the functions: they run only once it is loaded, and importing this module must not load it.
"""

# ruff: noqa: PLC0415

import time
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from random import uniform
from typing import TYPE_CHECKING

from bot.errors import (
    ModelAnswerUnusable,
    ModelError,
    ModelFailed,
    ModelOverloaded,
    ModelRefused,
    ModelTimeout,
    ModelUnreachable,
)

if TYPE_CHECKING:
    import openai

TOO_LONG = "This conversation is too long for the model. Please start a new thread, or ask something shorter."
UNKNOWN_NAME = (
    "The model server does not know the model or address that I am set to use. Whoever runs me must look at it."
)
NOT_ACCEPTED = "The model server does not accept what I sent. Whoever runs me must look at it."

#: What a refusal says; None is our error's own sentence.
_REFUSALS: dict[int, str | None] = {
    HTTPStatus.UNAUTHORIZED: None,
    HTTPStatus.FORBIDDEN: None,
    HTTPStatus.NOT_FOUND: UNKNOWN_NAME,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: TOO_LONG,
}
#: What servers call a conversation that is too long: OpenAI and most others by a code, some only inside the message.
_TOO_LONG_CODES = ("context_length_exceeded", "exceed_context_size_error")
_TOO_LONG_WORDS = ("maximum context length", "context window", "context size")


def expected() -> tuple[type[Exception], ...]:
    """What a call of the client may end in and `translated` knows; anything else is a mistake of ours."""
    import httpx2
    import openai

    return (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValueError)


def translated(error: Exception) -> ModelError:
    """Our error for one of `expected()`. Its sentence holds nothing that the server or the settings said."""
    import httpx2
    import openai

    match error:
        case openai.APIError():
            return _of_api(error)
        case httpx2.HTTPError():
            return _of_connection(error)
        case httpx2.InvalidURL() | UnicodeEncodeError():  # the address, or a key with letters that no header can carry
            return ModelRefused()
        case TimeoutError():
            return ModelTimeout()
        case ValueError():  # not JSON, not UTF-8, or not the shape of an answer
            return ModelAnswerUnusable()
        case _:
            return ModelFailed()


def retry_delay(error: Exception, pause: timedelta | None) -> float | None:
    """How many seconds to wait before trying again. None where that is no use, or where no `pause` is left.

    Never sooner than the server asked for, and never everyone at once: half to all of `pause` comes on top.
    """
    if pause is None or not _may_pass(error):
        return None
    return _asked_delay(error) + pause.total_seconds() * uniform(0.5, 1.0)  # noqa: S311 (spreads load, guards nothing)


def _of_api(error: "openai.APIError") -> ModelError:
    import openai

    match error:
        case _ if _is_too_long(error):
            return ModelRefused(TOO_LONG)
        case openai.APIStatusError():
            return _of_status(error.status_code)
        case openai.APIConnectionError():
            return _of_connection(error.__cause__)
        case _:  # an error in the midst of a stream
            return ModelFailed()


def _of_status(status: int) -> ModelError:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ModelOverloaded()
    if status == HTTPStatus.REQUEST_TIMEOUT:
        return ModelTimeout()
    if status == HTTPStatus.CONFLICT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ModelFailed()
    return ModelRefused(_REFUSALS.get(status, NOT_ACCEPTED))


def _of_connection(cause: BaseException | None) -> ModelError:
    import httpx2

    match cause:
        case httpx2.ConnectError() | httpx2.ConnectTimeout() | httpx2.ProxyError():
            return ModelUnreachable()
        case httpx2.UnsupportedProtocol() | httpx2.LocalProtocolError():  # the address or the key cannot be sent at all
            return ModelRefused()
        case httpx2.TimeoutException():
            return ModelTimeout()
        case _:
            return ModelFailed()


def _is_too_long(error: "openai.APIError") -> bool:
    if error.code in _TOO_LONG_CODES or error.type in _TOO_LONG_CODES:
        return True
    status = getattr(error, "status_code", None)
    return status == HTTPStatus.BAD_REQUEST and any(words in error.message.lower() for words in _TOO_LONG_WORDS)


def _may_pass(error: Exception) -> bool:
    import httpx2
    import openai

    match error:
        case openai.APIStatusError(status_code=status):
            told_not_to = error.response.headers.get("x-should-retry") == "false" or error.code == "insufficient_quota"
            passing = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}
            return not told_not_to and (status in passing or status >= HTTPStatus.INTERNAL_SERVER_ERROR)
        case openai.APIConnectionError(__cause__=cause):
            return not isinstance(cause, httpx2.UnsupportedProtocol | httpx2.LocalProtocolError)
        case _:
            return False


def _asked_delay(error: Exception) -> float:
    """The seconds that the server asked us to wait, by any of the three ways to say so; 0 where it did not."""
    import openai

    headers = error.response.headers if isinstance(error, openai.APIStatusError) else {}
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * unit)
        except (KeyError, ValueError):
            continue
    try:
        return max(0.0, parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time())
    except (KeyError, ValueError, OverflowError):
        return 0.0
