"""Who is who in a Slack export: the persons, our bot under all its ids, and other bots."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zipfile import ZipFile

from bot import limits
from bot.errors import InvalidArgument
from bot.importing import fields
from bot.importing.slack_archive import is_slack_id, read_objects, slack_id

#: The subtypes in which somebody says something; others are notices. A bot's own post may be a `bot_message`.
_SAID = (None, "thread_broadcast", "file_share", "me_message", "bot_message")
#: Slack's own notices come from this user, whom users.json does not call a bot.
_SLACKBOT = "USLACKBOT"


@dataclass(frozen=True, slots=True)
class People:
    """The users of one workspace. `bots` are those that are no persons, `own_bot_ids` our bot's ids as an app."""

    bot_user: str
    team: str
    names: Mapping[str, str]
    bots: frozenset[str]
    own_bot_ids: frozenset[str]

    def speaker(self, message: Mapping[str, Any]) -> str | None:
        """The user id of the person or of our bot who says something; None for notices and what other bots post.

        Raises:
            ImportFailed: the user is not written as Slack writes one.
        """
        subtype, user, bot_id = message.get("subtype"), _string(message, "user"), _string(message, "bot_id")
        if message.get("type") != "message" or subtype not in _SAID:
            return None
        profile = message.get("bot_profile")
        posted_as = _string(profile, "user_id") if isinstance(profile, dict) else ""
        if self.bot_user in (user, posted_as) or bot_id in self.own_bot_ids:
            return self.bot_user
        if not user or bot_id or subtype == "bot_message" or user in self.bots:
            return None
        return slack_id(message, "user")


def read_people(archive: ZipFile, bot_user: str, team: str | None) -> People:
    """Read users.json.

    Raises:
        ImportFailed: it is missing or not what Slack exports.
        InvalidArgument: `bot_user` does not stand in it; `team` is malformed, or needed and not given.
    """
    users: dict[str, dict[str, Any]] = {}
    for number, record in read_objects(archive, "users.json"):
        with fields.located(f"users.json, item {number}"):
            users[slack_id(record, "id")] = record
    if bot_user not in users:
        raise InvalidArgument(
            "bot_user", f"users.json knows no user {bot_user!r}; give the bot's user id, not its name"
        )
    own_bot_id = _string(_profile(users[bot_user]), "bot_id")
    return People(
        bot_user=bot_user,
        team=_team(users, bot_user) if team is None else _checked_team(team),
        names={user: _display_name(record) for user, record in users.items()},
        bots=frozenset(user for user, record in users.items() if record.get("is_bot") is True) | {_SLACKBOT},
        own_bot_ids=frozenset([own_bot_id] if own_bot_id else []),
    )


def _team(users: Mapping[str, Mapping[str, Any]], bot_user: str) -> str:
    """The workspace's id: the bot's own or, where its record has none, the only one that stands in the file.

    Messages are not asked: in a channel shared with another workspace they may name that one.
    """
    teams = {_string(record, "team_id") for record in users.values()} - {""}
    own = _string(users[bot_user], "team_id") or (teams.pop() if len(teams) == 1 else "")
    if not is_slack_id(own):
        raise InvalidArgument(
            "team", "the export does not say which workspace it is of; give its id, such as T0123ABCD"
        )
    return own


def _checked_team(team: str) -> str:
    if not is_slack_id(team):
        raise InvalidArgument("team", f"{team!r} is no workspace of Slack; their ids look like T0123ABCD")
    return team


def _display_name(user: Mapping[str, Any]) -> str:
    """The name that the workspace sees; a display name is often left empty."""
    profile = _profile(user)
    names = (_string(profile, "display_name"), _string(profile, "real_name"), _string(user, "name"))
    return next((name[: limits.TITLE_CHARACTERS] for name in names if name and fields.storable(name)), "")


def _profile(user: Mapping[str, Any]) -> Mapping[str, Any]:
    profile = user.get("profile")
    return profile if isinstance(profile, dict) else {}


def _string(record: Mapping[str, Any], name: str) -> str:
    """A string that only some records have, and some as null."""
    value = record.get(name)
    return value if isinstance(value, str) else ""
