"""Buttons as tokens: a command with arguments, signed, bound to person and place, expiring. Pure.

The token needs no table and survives a restart. Its signature is no permission: what the command may do is decided when
it is pressed, for whoever presses it.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import parse_qsl, quote, unquote, urlencode

from bot.chat import Button
from bot.errors import InvalidArgument

#: How long a button can be pressed.
BUTTON_LIFE = timedelta(days=30)
_SIGNATURE_BYTES = 12
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a token means."""

    command: str
    arguments: Mapping[str, str]


def seal(button: Button, place_id: str, now: datetime, secret: bytes, most_characters: int | None = None) -> str:
    """A button as a token: 26 characters, and the command with its arguments as in an address, `page?of=ana&from=3`.

    So a `custom_id` of Discord, of 100 characters, has room for 74: a command, a UUID and a number. Whatever is not a
    letter, a digit or one of `_.-~` counts three times or more.

    Args:
        button: with the resource id of the one who alone may press it, or "".
        place_id: where it is shown, with its workspace: `local:team/general`.
        now: the time from which its life counts.
        secret: the key of the signature.
        most_characters: the longest token that the platform takes, if it has a limit.

    Raises:
        InvalidArgument: the token is longer than that.
    """
    expires = int((now + BUTTON_LIFE).timestamp()) // _MINUTE
    bound = "1" if button.person else "0"
    body = f"{bound}{expires:x}.{_address(button)}"
    token = f"{body}.{_signature(body, place_id, button.person, secret)}"
    if most_characters is not None and len(token) > most_characters:
        raise InvalidArgument("arguments", f"arguments of a button of {button.command} are too long for this platform")
    return token


def unseal(token: str, place_id: str, person: str, now: datetime, secret: bytes) -> Pressed | None:
    """What a token means when this person presses it here and now; None where it means nothing.

    Args:
        token: as it came back.
        place_id: where it was pressed.
        person: who pressed it, by resource id.
        now: the time.
        secret: the key of the signature.
    """
    if not token.isascii():
        return None
    body, _, signature = token.rpartition(".")
    expected = _signature(body, place_id, person if body.startswith("1") else "", secret)
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        return None
    # From here on it is one of ours.
    expires, _, address = body[1:].partition(".")
    if now.astimezone(UTC).timestamp() >= int(expires, 16) * _MINUTE:
        return None
    command, _, arguments = address.partition("?")
    given = parse_qsl(arguments, keep_blank_values=True, errors="surrogatepass")
    return Pressed(unquote(command, errors="surrogatepass"), dict(given))


def _address(button: Button) -> str:
    arguments = urlencode(button.arguments, quote_via=quote, safe="", errors="surrogatepass")
    return f"{quote(button.command, safe='', errors='surrogatepass')}?{arguments}"


def _signature(body: str, place_id: str, person: str, secret: bytes) -> str:
    message = "".join(f"{len(part)}:{part}" for part in (body, place_id, person))
    digest = hmac.new(secret, message.encode(errors="surrogatepass"), sha256).digest()
    return urlsafe_b64encode(digest[:_SIGNATURE_BYTES]).decode()
