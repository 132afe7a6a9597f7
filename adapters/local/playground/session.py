"""Who has a page of the playground open: a signed cookie, and the token that each form must bear. Pure.

There is no password here, for there is nobody but the one at this machine. A session makes sure that what comes back
comes from a page of ours: another site's page can neither read the cookie nor know the token.
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

#: How long a session lives without a page being opened.
SESSION_LIFE = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Session:
    """One browser's session."""

    id: str
    expires: datetime


class Sessions:
    """Makes sessions and knows its own again, also after a restart.

    Args:
        key: the key of the signatures.
        now: the clock.
    """

    def __init__(self, key: bytes, now: Callable[[], datetime]) -> None:
        self._key = key
        self._now = now

    def opened(self, before: Session | None = None) -> Session:
        """A session that lives from now on: a new one, or the same one for longer."""
        expires = (self._now() + SESSION_LIFE).astimezone(UTC).replace(microsecond=0)
        return Session(before.id if before else secrets.token_urlsafe(16), expires)

    def wants_renewal(self, session: Session) -> bool:
        """Whether more than half of its life is over."""
        return session.expires - self._now() < SESSION_LIFE / 2

    def cookie(self, session: Session) -> str:
        """A session as a cookie's value."""
        body = f"{session.id}.{int(session.expires.timestamp()):x}"
        return f"{body}.{self._signature('cookie', body)}"

    def of_cookie(self, value: str) -> Session | None:
        """The session of a cookie; None for one that is forged, spoilt or expired."""
        body, _, signature = value.rpartition(".")
        if not self._same(signature, self._signature("cookie", body)):
            return None
        # From here on it is one of ours.
        session_id, _, expires = body.partition(".")
        session = Session(session_id, datetime.fromtimestamp(int(expires, 16), UTC))
        return session if session.expires > self._now() else None

    def token(self, session: Session) -> str:
        """What each form of a page of this session bears."""
        return self._signature("form", session.id)

    def holds(self, session: Session, token: str) -> bool:
        """Whether a token belongs to a session."""
        return self._same(token, self.token(session))

    def _signature(self, purpose: str, text: str) -> str:
        digest = hmac.new(self._key, f"{purpose}:{text}".encode(errors="surrogatepass"), sha256).digest()
        return urlsafe_b64encode(digest).decode().rstrip("=")

    @staticmethod
    def _same(given: str, expected: str) -> bool:
        return hmac.compare_digest(given.encode(errors="surrogatepass"), expected.encode())
