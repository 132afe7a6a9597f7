"""What becomes of each column when a person forgets, and whether an export of her own data holds it. Pure.

A test demands that every column of every table stands here: whoever adds one decides both questions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

#: "erase": the row or the value goes. "pseudonymise": the value stays and leads to nobody any more. "keep": it says
#: nothing of a person, or is not hers to erase.
OnErasure = Literal["erase", "pseudonymise", "keep"]


@dataclass(frozen=True, slots=True)
class Treatment:
    """How the columns of one table are treated."""

    on_erasure: OnErasure
    #: Why it is kept or only pseudonymised; "" for what is erased.
    because: str
    columns: tuple[str, ...]
    exported: bool
    #: Why it is not exported; "" where it is.
    unless: str = ""


_JOIN = "it only joins rows"
_WORK = "how the bot does its work says nothing that its words and times do not"


def _erased(columns: str, *, exported: bool = True, unless: str = "") -> Treatment:
    return Treatment("erase", "", tuple(columns.split()), exported, unless)


def _inner(columns: str) -> Treatment:
    """Keys and states of rows that are erased."""
    return Treatment("erase", "", tuple(columns.split()), exported=False, unless=_JOIN)


def _kept(because: str, columns: str, *, unless: str, on_erasure: OnErasure = "keep") -> Treatment:
    return Treatment(on_erasure, because, tuple(columns.split()), exported=False, unless=unless)


_WORKSPACE = "it is the workspace's, not a person's"
_PLATFORM = "the local platform's own copy, like Slack's or Discord's of what stands there"
_NAMES = "names of deliveries without their content, so that a repetition brings nothing back; gone after 7 days"

#: By table.
TREATMENTS: Mapping[str, tuple[Treatment, ...]] = {
    "workspaces": (_kept(_WORKSPACE, "key id created_at removed_at", unless=_WORKSPACE),),
    "disclosures": (
        _kept(
            _WORKSPACE,
            "workspace_key version supervision retention_days provider created_at",
            unless="it is the same for all",
        ),
    ),
    "workspace_settings": (
        _kept(_WORKSPACE, "workspace_key version values changed_at", unless=_WORKSPACE),
        _kept(
            "who changed a setting stands there under a random id",
            "changed_by",
            unless=_WORKSPACE,
            on_erasure="pseudonymise",
        ),
    ),
    "people": (
        _erased("resource_id name created_at told_version keeps told_readings left_at"),
        _inner("key workspace_key"),
        _erased("subject_id", exported=False, unless="the audit's name for her, which is to lead to nobody else"),
    ),
    "threads": (
        _erased(
            "id title metadata place_kind place_name channel_id created_at updated_at last_message_at message_count"
        ),
        _inner("key workspace_key owner_key title_source next_seq window_boundary"),
    ),
    "participants": (_erased("joined_at"), _inner("resource_key thread_key thread_created_at")),
    "messages": (
        _erased("id seq role text metadata outcome sent_at edited_at disclosure stored_at"),
        _erased("off_record", exported=False, unless="what is off the record is gone when it is answered"),
        _inner("key workspace_key thread_key resource_key"),
    ),
    "usage": (
        _erased("at model prompt_tokens completion_tokens estimated model_calls"),
        _inner("key workspace_key resource_key message_key"),
    ),
    "audit": (
        _kept(
            "nobody may change what supervisors and admins did; persons stand there under random ids",
            "actor_id subject_id object_id",
            unless="others' ids; who read her conversations is exported by name",
            on_erasure="pseudonymise",
        ),
        Treatment(
            "keep",
            "nobody may change what supervisors and admins did",
            ("at", "actor_kind", "action", "category"),
            exported=True,
        ),
        _kept(
            "nobody may change what supervisors and admins did",
            "key workspace_key seq outcome note digest",
            unless="the note is the reader's; the rest holds the chain together",
        ),
    ),
    "audit_heads": (_kept("the end of the chain", "workspace_key seq digest", unless=_WORKSPACE),),
    "roles": (_erased("role source granted_at"), _inner("resource_key workspace_key")),
    "scopes": (_erased("kind granted_at"), _inner("resource_key workspace_key value")),
    "held": (
        _inner("key workspace_key resource_key utterance_id"),
        _erased("event received_at", exported=False, unless="not taken in yet: gone after a day, or a message"),
    ),
    "erasures": (
        _kept(
            "that something was erased, and how much: the proof",
            "key workspace_key id extent counts at scrubbed_at",
            unless="the person was given each certificate",
        ),
        _kept("a random id that leads to nobody", "subject_id", unless=_JOIN, on_erasure="pseudonymise"),
    ),
    "facts": (_erased("id text created_at updated_at"), _inner("key workspace_key resource_key")),
    "fact_sources": (_inner("fact_key message_key"),),
    "vectors": (_erased("message_key model dimensions vector", exported=False, unless="made of words that are"),),
    "ledger": (_inner("answer_key source_key"),),
    "condensations": (
        _erased("thread_key up_to_seq text model created_at", exported=False, unless="made of words that are"),
    ),
    "places": (
        _erased(
            "key workspace_key id kind name within address state thread_key generation created_at",
            exported=False,
            unless="where the platform keeps a conversation; its conversations tell where they are held",
        ),
    ),
    "deliveries_in": (_kept(_NAMES, "workspace_key id received_at", unless=_WORK),),
    "utterances": (
        _kept(_NAMES, "workspace_key id received_at", unless=_WORK),
        _inner("resource_key"),
    ),
    "pending_changes": (
        _erased(
            "workspace_key utterance_id text resource_id changed_at received_at",
            exported=False,
            unless="an edit that waits for its message: gone after a day, or the message's text",
        ),
    ),
    "turns": (
        _erased(
            "key id workspace_key thread_key place_key resource_key state queued_at ready_at attempts revision restarts"
            " stop_requested answer_key closed_at reason haste",
            exported=False,
            unless=_WORK,
        ),
    ),
    "turn_messages": (_inner("message_key turn_key taken"),),
    "leases": (_erased("thread_key owner fence until", exported=False, unless=_WORK),),
    "jobs": (
        _erased(
            "key id workspace_key kind arguments resource_key place_key state queued_at ready_at attempts owner fence"
            " until progress report reason closed_at",
            exported=False,
            unless=_WORK,
        ),
    ),
    "posts": (
        _erased("key workspace_key value turn_key job_key part state post_id sent_at", exported=False, unless=_WORK),
    ),
    "feedback": (_erased("value at"), _inner("message_key resource_key")),
    "local_people": (_kept(_PLATFORM, "workspace name shown_name role active", unless=_PLATFORM),),
    "local_channels": (_kept(_PLATFORM, "workspace name kind archived", unless=_PLATFORM),),
    "local_members": (_kept(_PLATFORM, "workspace channel person", unless=_PLATFORM),),
    "local_posts": (
        _kept(
            _PLATFORM,
            "key workspace channel root id author text extras only_for key_value streaming deleted at edited_at",
            unless=_PLATFORM,
        ),
    ),
    "local_statuses": (_kept(_PLATFORM, "workspace channel root status title", unless=_PLATFORM),),
    "local_outbox": (_kept(_PLATFORM, "key payload", unless=_PLATFORM),),
}

#: The tables in which something of a person is erased, and the search index: their files are scrubbed.
HOLDING: tuple[str, ...] = (
    *sorted(name for name, treated in TREATMENTS.items() if any(one.on_erasure == "erase" for one in treated)),
    "message_search",
)
