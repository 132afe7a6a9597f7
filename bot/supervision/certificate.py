"""The certificate of an erasure, as the person gets it. Pure."""

from datetime import datetime

from bot.storage.store import Scrubbed
from bot.supervision.erasure_rows import Erasure

_TIME = "%Y-%m-%d %H:%M:%S UTC"
_WHAT = {
    "message": "one message, with the answers to it",
    "conversation": "one conversation: your words and the answers to you",
    "everything": "everything that was kept about you",
}
#: How tables are called before people.
_NAMES = {
    "condensations": "shortened conversations",
    "fact_sources": "links from facts to messages",
    "facts": "facts",
    "feedback": "ratings",
    "held": "waiting messages",
    "jobs": "tasks",
    "ledger": "notes of what answers were based on",
    "message_search": "entries of the search index",
    "messages": "messages and answers",
    "participants": "parts in conversations",
    "pending_changes": "waiting edits",
    "people": "your name and settings",
    "posts": "records of posts",
    "roles": "roles",
    "scopes": "permissions",
    "threads": "conversations",
    "turns": "records of answering",
    "usage": "records of what answers cost",
    "utterances": "marks of what you said",
    "vectors": "vectors for finding things",
}


def certificate(erasure: Erasure, scrubbed: Scrubbed, *, shared: bool) -> str:
    """Say what was erased, how much, when it was gone from the files, and what remains.

    Args:
        erasure: what is recorded of it.
        scrubbed: what became of the bytes.
        shared: whether the database is a server with a log and backups of its own.
    """
    left = erasure.after or {}
    rows = [
        f"- {_NAMES.get(table, table)}: {number:,}, left: {left.get(table, 0):,}" for table, number in _sorted(erasure)
    ]
    total = sum(left.values())
    lines = [
        f"**Certificate of erasure {erasure.id}**",
        "",
        f"Erased: {_WHAT[erasure.extent]}. Asked for on {_shown(erasure.at)}.",
        "",
        *(rows or ["- nothing was kept"]),
        "",
        f"Counted again afterwards: {total:,} left.",
        _files(erasure, scrubbed),
        "",
        "What remains:",
        "",
        *(f"- {one}" for one in _remains(erasure, shared=shared)),
    ]
    return "\n".join(lines)


def _sorted(erasure: Erasure) -> list[tuple[str, int]]:
    # Marks of what was said stay as names without words or person: they are not counted as erased.
    return sorted(erasure.before.items(), key=lambda one: (-one[1], one[0]))


def _files(erasure: Erasure, scrubbed: Scrubbed) -> str:
    if not scrubbed.done:
        return (
            "Another program still reads the database as it was before. As soon as it ends, the bytes go from the files"
            " too; whoever runs me can see that this has not happened yet."
        )
    if scrubbed.left == "size":
        return (
            "The files are too large to be written anew while people wait: bytes of what was erased may stay in unused"
            " corners until these are used again, or until whoever runs me compacts the database."
        )
    if scrubbed.left == "rights":
        return (
            "I may not clean the database's files: bytes of what was erased stay there until the database does that"
            " by itself. Whoever runs me can let me (MIGRATION_DATABASE_URL)."
        )
    when = erasure.scrubbed_at
    return f"Gone from the database's files too: {'now' if when is None else _shown(when)}."


def _remains(erasure: Erasure, *, shared: bool) -> list[str]:
    what = ["what you and I wrote on the chat platform stands there until it is deleted there"]
    if erasure.extent != "message":
        what.append("what others wrote, and my answers to them, in conversations that you shared")
    if erasure.extent == "everything":
        what.append("what supervisors and admins did stays recorded, under a random name that no longer leads to you")
    what.append("names of messages, without their words, for some days, so that a repetition brings nothing back")
    backups = "backups and copies that whoever runs me made before, for as long as they are kept"
    what.append(f"{backups}; the log of the database server, until it is used again" if shared else backups)
    return what


def _shown(moment: datetime) -> str:
    return moment.strftime(_TIME)
