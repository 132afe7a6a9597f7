"""Everything that can go wrong, as sentences that a person may read.

The tree:

* BotError
  x InvalidArgument (also a ValueError)
  x NotFound (also a LookupError)
  x Conflict
    - ImportConflict
  x NotAllowed
  x NotAvailable
  x SettingsError
  x StorageError
    - StorageUnavailable
      . StorageLocked
      . StorageFull
    - StorageUnreadable
    - SchemaTooNew
    - SchemaOutdated
    - WorkerRunning
  x ModelError
    - ModelUnreachable
    - ModelTimeout
    - ModelRefused
    - ModelOverloaded
    - ModelFailed
    - ModelAnswerUnusable
  x ImportFailed
  x TurnLost
  x PlatformError
    - PlatformBusy
    - PlatformUnreachable
    - PostRefused
    - PostUncertain
"""

from collections.abc import Sequence
from datetime import timedelta


class BotError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class InvalidArgument(BotError, ValueError):
    """An argument has a value that it cannot have; `parameter` names it."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class NotFound(BotError, LookupError):
    """There is no such thing, or it is not yours to see."""


class Conflict(BotError):
    """That id is already taken."""


class ImportConflict(Conflict):
    """What is imported stands somewhere else already; `ids` names the messages."""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__()
        self.ids = tuple(ids)


class NotAllowed(BotError):
    """You may not do that."""


class NotAvailable(BotError):
    """This version cannot do that yet."""


class SettingsError(BotError):
    """A setting has a value that cannot work."""


class StorageError(BotError):
    """The database failed."""


class StorageUnavailable(StorageError):
    """The database cannot be reached at the moment. Nothing was changed."""


class StorageLocked(StorageUnavailable):
    """Another program keeps the database locked. Nothing was changed; try again when it has finished."""


class StorageFull(StorageUnavailable):
    """The disk is full or failing. Nothing was changed; free some space and try again."""


class StorageUnreadable(StorageError):
    """The database file cannot be read."""


class SchemaTooNew(StorageError):
    """The database was written by a newer version of Threadkeeper. Install that version, or restore a backup."""


class SchemaOutdated(StorageError):
    """The database was written by an older version of Threadkeeper. Run: threadkeeper migrate."""


class WorkerRunning(StorageError):
    """Another Threadkeeper already works on this database file."""


class ModelError(BotError):
    """The model could not answer."""


class ModelUnreachable(ModelError):
    """I cannot reach the model server at the moment. Please ask again in a minute."""


class ModelTimeout(ModelError):
    """The model took too long to answer. Please ask again in a minute."""


class ModelRefused(ModelError):
    """The model server refused my request: its key, address or model name needs the attention of whoever runs me."""


class ModelOverloaded(ModelError):
    """The model server is overloaded or its quota is used up. Please ask again in a few minutes."""


class ModelFailed(ModelError):
    """The model server failed. Please ask again in a minute."""


class ModelAnswerUnusable(ModelError):
    """The model sent an answer that I could not use. Please ask again."""


class ImportFailed(BotError):
    """The file cannot be imported; the message names the line."""


class TurnLost(BotError):
    """Another process has taken this turn over."""


class PlatformError(BotError):
    """The chat platform failed."""


class PlatformBusy(PlatformError):
    """The chat platform asks for patience. Nothing was sent."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__()
        self.retry_after = retry_after


class PlatformUnreachable(PlatformError):
    """The chat platform cannot be reached at the moment. Nothing was sent."""


class PostRefused(PlatformError):
    """The chat platform does not take this post."""


class PostUncertain(PlatformError):
    """Whether the chat platform took this post is unknown."""
