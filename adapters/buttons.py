"""Buttons as tokens: a command with arguments, signed, bound to person and place, expiring. Pure.

The token needs no table and survives a restart. Its signature is no permission: what the command may do is decided when
it is pressed, for whoever presses it.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from bot.chat import Button

#: How long a button can be pressed.
BUTTON_LIFE = timedelta(days=30)
_SIGNATURE_BYTES = 12
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a token means."""

    command: str
    arguments: Mapping[str, str]


def seal(button: Button, place_id: str, now: datetime, secret: bytes) -> str:
    """A button as a token.

    Args:
        button: with the resource id of the one who alone may press it, or "".
        place_id: where it is shown, with its workspace: `local:team/general`.
        now: the time from which its life counts.
        secret: the key of the signature.
    """
    expires = int((now + BUTTON_LIFE).timestamp()) // _MINUTE
    bound = "1" if button.person else "0"
    content = json.dumps([button.command, dict(button.arguments), expires], ensure_ascii=False, separators=(",", ":"))
    body = bound + _encoded(content.encode())
    return f"{body}.{_signature(body, place_id, button.person, secret)}"


def unseal(token: str, place_id: str, person: str, now: datetime, secret: bytes) -> Pressed | None:
    """What a token means when this person presses it here and now; None where it means nothing.

    Args:
        token: as it came back.
        place_id: where it was pressed.
        person: who pressed it, by resource id.
        now: the time.
        secret: the key of the signature.
    """
    body, _, signature = token.partition(".")
    expected = _signature(body, place_id, person if body.startswith("1") else "", secret)
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        return None
    try:
        command, arguments, expires = json.loads(urlsafe_b64decode(body[1:] + "=" * (-len(body[1:]) % 4)))
    except (NotBase64, ValueError, TypeError):
        return None
    if now.astimezone(UTC).timestamp() >= expires * _MINUTE:
        return None
    return Pressed(command, arguments)


def _signature(body: str, place_id: str, person: str, secret: bytes) -> str:
    message = "".join(f"{len(part)}:{part}" for part in (body, place_id, person))
    return _encoded(hmac.new(secret, message.encode(), sha256).digest()[:_SIGNATURE_BYTES])


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
