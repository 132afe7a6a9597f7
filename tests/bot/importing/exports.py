"""Building Slack exports as Slack builds them, for the tests."""

import json
import zipfile
from pathlib import Path
from typing import Any

TEAM, BOT, ADA, GRACE, OTHER_BOT = "T1", "UBOT", "UADA", "UGRACE", "UOTHER"

USERS = [
    {"id": ADA, "team_id": TEAM, "name": "ada", "profile": {"real_name": "Ada Lovelace", "display_name": "Ada"}},
    {"id": GRACE, "team_id": TEAM, "name": "grace", "profile": {"real_name": "Grace Hopper", "display_name": ""}},
    {"id": BOT, "team_id": TEAM, "name": "keeper", "is_bot": True, "profile": {"bot_id": "BBOT"}},
    {"id": OTHER_BOT, "team_id": TEAM, "name": "weather", "is_bot": True, "profile": {"bot_id": "BOTHER"}},
]
CHANNELS = [{"id": "C1", "name": "general"}]
#: What every export has.
BARE: dict[str, Any] = {"users.json": USERS, "channels.json": CHANNELS}


def said(user: str, ts: str, text: str = "hello", *, thread: str | None = None, **more: Any) -> dict[str, Any]:
    """A message as it stands in a day of an export."""
    reply = {} if thread is None else {"thread_ts": thread}
    return {"type": "message", "user": user, "ts": ts, "text": text, "team": TEAM, **reply, **more}


def write_export(folder: Path, members: dict[str, Any], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip of the members: bytes as they are, everything else as JSON."""
    path = folder / "export.zip"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
    return path
