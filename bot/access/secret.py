"""The one secret, and the keys derived from it: for the audit, buttons, sessions and names of things."""

import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import SettingsError
from bot.settings import SECRET_CHARACTERS, Settings
from bot.storage.store import parse_url

_BYTES = 32


@dataclass(frozen=True, slots=True)
class Secrets:
    """Keys, each for one thing. They never stand in a log or a representation."""

    #: Chains the audit.
    audit: bytes = field(repr=False)
    #: Signs buttons and forms.
    buttons: bytes = field(repr=False)
    #: Signs sessions in the browser.
    sessions: bytes = field(repr=False)
    #: Names conversations in the audit.
    objects: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: bytes | str) -> "Secrets":
        """The keys of a secret.

        Raises:
            SettingsError: the secret is too short.
        """
        root = secret.strip().encode() if isinstance(secret, str) else secret
        if len(root) < SECRET_CHARACTERS:
            raise SettingsError(f"SECRET_KEY must have at least {SECRET_CHARACTERS} characters.")
        return cls(*(_derived(root, name) for name in ("audit", "buttons", "sessions", "objects")))


def _derived(root: bytes, name: str) -> bytes:
    return hmac.digest(root, f"threadkeeper {name} 1".encode(), "sha256")


def secret_path(database_url: str) -> Path:
    """Where the secret stands if no setting holds it: beside the SQLite file, or in ./data."""
    return beside(database_url, "secret")


def beside(database_url: str, suffix: str) -> Path:
    """A file that goes with a database: `<its file>.<suffix>`, or `./data/threadkeeper.<suffix>` for PostgreSQL."""
    url = parse_url(database_url)
    file = Path(url.database or "") if url.drivername == "sqlite" else Path("data/threadkeeper")
    return file.with_name(f"{file.name}.{suffix}")


def read_secrets(database_url: str, secret: bytes | str | None = None, *, make: bool = True) -> Secrets:
    """The keys of the secret that is given, or else of the one in the file that goes with the database.

    The file is made where it is missing, once, whoever comes first, and readable by its owner alone.

    Args:
        database_url: whose file.
        secret: what the setting says.
        make: whether a missing file is made.

    Raises:
        SettingsError: the file cannot be read or made, or holds no secret.
    """
    if secret:
        return Secrets.of(secret)
    path = secret_path(database_url)
    try:
        if make and not path.exists():
            _make(path)
        held = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it holds no text"
        raise SettingsError(
            f"The secret in {path} cannot be read: {why}. Set SECRET_KEY, or repair the file."
        ) from None
    if len(held) < SECRET_CHARACTERS:
        raise SettingsError(
            f"{path} holds no secret. Put it back from a backup; without it the audit cannot be verified."
        )
    return Secrets.of(held)


def secrets_of(settings: Settings, *, make: bool = True) -> Secrets:
    """As `read_secrets`, for the settings."""
    secret = settings.secret_key.get_secret_value() if settings.secret_key is not None else None
    return read_secrets(settings.database_url, secret, make=make)


def _make(path: Path) -> None:
    """Make the file whole or not at all; of several processes one makes it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(f"{secrets.token_hex(_BYTES)}\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass  # another process was first
    finally:
        fresh.unlink()
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Let a new file's name be as durable as its content."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
