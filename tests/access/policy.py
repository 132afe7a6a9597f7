"""The policy: who may what. One table for commands, one for the playground's addresses, one for the command line.

Whatever is registered and does not stand here fails `test_registered.py`. Deny unless a line allows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

#: Who asks.
SUBJECTS = (
    "nobody known",
    "herself",
    "another member",
    "guest",
    "left",
    "supervisor",
    "supervisor of another",
    "supervisor of a channel",
    "admin",
    "admin elsewhere",
    "bot",
)
#: What is named: the asker's own; ana's direct conversation; hers in a channel; ana's name with bela's conversation;
#: something of another workspace; what there never was; what was erased.
NAMED = ("own", "hers", "hers in a channel", "mixed", "elsewhere", "absent", "erased")
Named = str

#: What comes of it.
VERDICTS = {
    "runs": "it runs",
    "unknown": "there is no such command",
    "gone": "it is gone, or not hers",
    "nothing to forget": "the same for forgetting",
    "no role": "only supervisors can do that",
    "nothing": "nothing to show, to a supervisor",
    "own": "one's own is no matter of supervision",
    "like absent": "the answer is the same for all that is not there, but for the id that was asked for",
}
Verdict = str

EVERYBODY: Mapping[str, Verdict] = dict.fromkeys(SUBJECTS, "runs") | {"bot": "unknown"}
_NOBODY: Mapping[str, Verdict] = dict.fromkeys(SUBJECTS, "unknown")
_SUPERVISORS = ("supervisor", "supervisor of another", "supervisor of a channel")
_ADMINS = ("admin", "admin elsewhere")

Cells = Mapping[str, Mapping[Named, Verdict]]


def _own(absence: Verdict) -> Cells:
    """One's own alone; everything else is as absent."""
    others: dict[Named, Verdict] = dict.fromkeys(
        ("hers", "hers in a channel", "elsewhere", "absent", "erased"), absence
    )
    alone: dict[Named, Verdict] = {**others, "own": "runs"}
    stranger = {**others, "own": absence}  # who has no conversation has nothing of her own
    herself: dict[Named, Verdict] = {**others, "hers": "runs", "hers in a channel": "runs"}
    bot = dict.fromkeys(others, "unknown")
    everybody = dict.fromkeys(SUBJECTS, alone)
    return {**everybody, "nobody known": stranger, "herself": herself, "bot": bot}


def _supervision(
    hers: Mapping[str, Verdict], in_channel: Mapping[str, Verdict], absence: Verdict, *mixed: Named
) -> Cells:
    """Supervisors, each as far as her scope reaches; for herself nobody needs a role."""
    named = ("hers", "hers in a channel", *mixed, "elsewhere", "absent", "erased")
    found: dict[str, dict[Named, Verdict]] = {}
    for subject in SUBJECTS:
        if subject in _SUPERVISORS:
            cells = dict.fromkeys(named, absence) | {"own": "own"}
            cells |= {"hers": hers[subject], "hers in a channel": in_channel[subject]}
        elif subject == "bot":
            cells = dict.fromkeys((*named, "own"), "unknown")
        else:
            cells = dict.fromkeys(named, "no role") | {"own": "own"}
        if subject == "herself":
            cells |= {"hers": "own", "hers in a channel": "own"} | dict.fromkeys(mixed, "own")
        found[subject] = cells
    return found


def _admins(*erased: Named) -> Cells:
    """Admins, of people of their own workspace. Who was erased may still live on the platform, which says so."""
    absent: Verdict = "like absent"
    named = ("hers", "elsewhere", "absent", *erased)
    none = dict.fromkeys(named, "unknown")
    ours = dict.fromkeys(named, absent) | {"hers": "runs"}
    # To the admin of another workspace all of ours is of another workspace.
    theirs = dict.fromkeys(("hers", "absent", *erased), absent)
    return dict.fromkeys(SUBJECTS, none) | {"admin": ours, "admin elsewhere": theirs}


_ALL = dict.fromkeys(_SUPERVISORS, "runs")
_REACHED = {"supervisor": "runs", "supervisor of another": "nothing", "supervisor of a channel": "nothing"}
_IN_CHANNEL = {"supervisor": "runs", "supervisor of another": "nothing", "supervisor of a channel": "runs"}


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may run a command, and what comes of it where it is asked to do something to something."""

    who: Mapping[str, Verdict]
    #: Options that name something, and what kind of thing: "person", "thread", "message".
    names: Mapping[str, str] = field(default_factory=dict)
    #: What comes of it where something is named.
    cells: Cells = field(default_factory=dict)
    #: Options that name nothing of anybody's.
    plain: tuple[str, ...] = ()
    #: Arguments with which it goes its way, also where it is denied.
    given: Mapping[str, str] = field(default_factory=dict)
    #: Of what is named, one thing at a time; otherwise all of it together, such as a person and her conversation.
    apart: bool = False
    #: An answer that runs shows the words of what was named.
    shows: bool = False
    #: Named or not at all: nothing runs without.
    needs_name: bool = False


_PERSON = {"person": "person"}
_THREAD = {"thread": "thread"}
_FILTERS = ("words", "from", "to", "channel")
_ADMIN_ONLY: Mapping[str, Verdict] = {**_NOBODY, "admin": "runs", "admin elsewhere": "runs"}
_SUPERVISOR_ONLY: Mapping[str, Verdict] = {**_NOBODY, **_ALL}
_ERASED: Named = "erased"
_REACH = {"reads": "person", "reads2": "person", "reads3": "person"}
_CATEGORY = {"category": "security"}
_SETTINGS = ("supervision", "notice", "off_record", "retention", "contact", "persona")
_FORM = _supervision(_ALL, _ALL, "runs")
_READ = _supervision(_REACHED, _IN_CHANNEL, "nothing", "mixed")
# Of a whole person some is in the channel, so that a list of hers is never empty to who reads the channel.
_READ_PERSON = _supervision(_IN_CHANNEL, _IN_CHANNEL, "nothing")

COMMANDS: Mapping[str, Rule] = {
    "help": Rule(EVERYBODY),
    "new": Rule(EVERYBODY),
    "history": Rule(EVERYBODY, _PERSON, _FORM, (*_FILTERS, "page")),
    "history search": Rule(EVERYBODY),
    "history open": Rule(EVERYBODY, _THREAD, _own("gone"), ("cursor",), shows=True, needs_name=True),
    "history rename": Rule(EVERYBODY, _THREAD, _own("gone"), ("title",), {"title": "taken"}, needs_name=True),
    "history resume": Rule(EVERYBODY, _THREAD, _own("gone"), needs_name=True),
    "supervise form": Rule(EVERYBODY, _PERSON, _FORM, (*_FILTERS, "category"), needs_name=True),
    "supervise list": Rule(
        EVERYBODY, _PERSON, _READ_PERSON, (*_FILTERS, "page", "category", "note"), _CATEGORY, needs_name=True
    ),
    "supervise open": Rule(
        EVERYBODY, {**_PERSON, **_THREAD}, _READ, ("category", "page"), _CATEGORY, shows=True, needs_name=True
    ),
    "supervise export": Rule(
        EVERYBODY, {**_PERSON, **_THREAD}, _READ, (*_FILTERS, "category"), _CATEGORY, needs_name=True
    ),
    "supervise ask": Rule(_SUPERVISOR_ONLY),
    "privacy": Rule(EVERYBODY),
    "privacy keep": Rule(EVERYBODY, plain=("keep",), given={"keep": "on"}),
    "privacy readings": Rule(EVERYBODY, plain=("before",)),
    "privacy ask": Rule(EVERYBODY, plain=("question",), given={"question": "Why was that read?"}),
    "privacy contact": Rule(EVERYBODY),
    "forget": Rule(EVERYBODY, plain=("what", "page"), given={"what": "conversation"}),
    "export": Rule(EVERYBODY),
    "memory": Rule(EVERYBODY),
    "link": Rule(EVERYBODY),
    "usage": Rule(EVERYBODY),
    "welcome": Rule(EVERYBODY),
    "welcome continue": Rule(EVERYBODY, plain=("version",), given={"version": "1"}),
    "welcome decline": Rule(EVERYBODY, plain=("version",), given={"version": "1"}),
    "admin setup": Rule(_ADMIN_ONLY),
    "admin setup supervision": Rule(_ADMIN_ONLY, plain=("supervision",), given={"supervision": "channels"}),
    "admin setup test": Rule(_ADMIN_ONLY),
    "admin settings": Rule(_ADMIN_ONLY, plain=(*_SETTINGS, "channel", "mode"), given={"notice": "no"}),
    "admin settings now": Rule(_ADMIN_ONLY, plain=(*_SETTINGS, "channel", "mode"), given={"retention": "30"}),
    "admin settings form": Rule(_ADMIN_ONLY, plain=(*_SETTINGS, "group", "version"), given={"group": "keeping"}),
    "admin settings channel": Rule(_ADMIN_ONLY, plain=("channel", "mode")),
    "admin settings history": Rule(_ADMIN_ONLY, plain=("before",)),
    "admin settings back": Rule(_ADMIN_ONLY, plain=("version",), given={"version": "0"}),
    "admin roles": Rule(_ADMIN_ONLY, _PERSON, _admins(_ERASED), ("after",)),
    "admin grant": Rule(
        _ADMIN_ONLY, {**_PERSON, **_REACH}, _admins(), ("role", "everyone", "channels"), {"role": "admin"}, apart=True
    ),
    "admin grant form": Rule(
        _ADMIN_ONLY, {**_PERSON, **_REACH}, _admins(), ("role", "everyone", "channels"), {"role": "admin"}, apart=True
    ),
    "admin grant now": Rule(
        _ADMIN_ONLY, _PERSON, _admins(), ("role", "everyone", "channels", *_REACH), {"role": "admin"}, needs_name=True
    ),
    "admin revoke": Rule(_ADMIN_ONLY, _PERSON, _admins(_ERASED), ("role",), {"role": "admin"}),
    "admin revoke now": Rule(_ADMIN_ONLY, _PERSON, _admins(_ERASED), ("role",), {"role": "admin"}, needs_name=True),
    "admin scope": Rule(_ADMIN_ONLY, {**_PERSON, **_REACH}, _admins(), ("everyone", "channels", "page"), apart=True),
    "admin scope add": Rule(
        _ADMIN_ONLY, {**_PERSON, **_REACH}, _admins(), ("everyone", "channels"), apart=True, needs_name=True
    ),
    "admin scope remove": Rule(
        _ADMIN_ONLY, {**_PERSON, "value": "person"}, _admins(_ERASED), ("kind",), {"kind": "person"}, needs_name=True
    ),
    "admin audit": Rule(
        _ADMIN_ONLY, {**_PERSON, "actor": "person"}, _admins(_ERASED), ("action", "before"), apart=True
    ),
    "admin audit filter": Rule(_ADMIN_ONLY),
    "admin verify": Rule(_ADMIN_ONLY),
    "admin usage": Rule(_ADMIN_ONLY),
    "forget message": Rule(EVERYBODY, {"message": "message"}, _own("nothing to forget"), needs_name=True),
    "forget conversation": Rule(EVERYBODY, _THREAD, _own("nothing to forget"), needs_name=True),
    "forget everything": Rule(EVERYBODY, plain=("word",), given={"word": "no"}),
}


# The playground


@dataclass(frozen=True, slots=True)
class Address:
    """An address of the playground, and what it is asked for."""

    method: Literal["GET", "POST"]
    path: str
    #: What the last part names: a place, a post, or nothing of anybody's.
    names: Literal["", "person", "place", "post"] = ""
    #: What comes of it for who may: the status.
    allowed: int = 200
    #: Whether another person who sees the post may do it too, or its author alone.
    author_alone: bool = False
    #: What is sent.
    fields: Mapping[str, str] = field(default_factory=dict)


_TEXT = {"text": "Hello there"}
ROUTES: Mapping[str, Address] = {
    "home": Address("GET", "/", allowed=303),
    "people": Address("GET", "/people"),
    "side-by-side": Address("GET", "/side-by-side"),
    "person": Address("GET", "/as/{person}", "person", 303),
    "place": Address("GET", "/as/{person}/in/{channel}", "place"),
    "live": Address("GET", "/as/{person}/in/{channel}/live", "place"),
    # Completes commands and names of people; nothing of the channel is in it.
    "complete": Address("GET", "/as/{person}/in/{channel}/complete", "person"),
    "say": Address("POST", "/as/{person}/in/{channel}/say", "place", 303, fields=_TEXT),
    "stop": Address("POST", "/as/{person}/in/{channel}/stop", "place", 303),
    "edit": Address("POST", "/as/{person}/posts/{post}/edit", "post", 303, author_alone=True, fields=_TEXT),
    "delete": Address(
        "POST", "/as/{person}/posts/{post}/delete", "post", 303, author_alone=True, fields={"confirmed": "1"}
    ),
    "rate": Address("POST", "/as/{person}/posts/{post}/rate", "post", 422, fields={"value": "good"}),
    "press": Address("POST", "/as/{person}/posts/{post}/press", "post", 403, fields={"button": "forged"}),
    "file": Address("GET", "/as/{person}/posts/{post}/files/0", "post"),
    "picture": Address("GET", "/as/{person}/posts/{post}/pictures/0", "post", 404),
}

# The command line: of each command its options, and whether it reads other people's words.

CLI: Mapping[str, tuple[Literal["nobody's", "own", "others', recorded", "operator's"], frozenset[str]]] = {
    "run": ("nobody's", frozenset()),
    "chat": ("own", frozenset({"name", "resume"})),
    "history": (
        "others', recorded",
        frozenset({"name", "person", "reason", "search", "opened", "page", "as_json", "workspace"}),
    ),
    "export": ("others', recorded", frozenset({"name", "form", "output", "force", "workspace", "reason"})),
    "import": (
        "operator's",
        frozenset({"file", "whole_channels", "yes", "bot_user", "team", "workspace", "told"}),
    ),
    "migrate": ("nobody's", frozenset({"check"})),
    "verify-audit": ("nobody's", frozenset({"anchor", "sweep"})),
    "doctor": ("nobody's", frozenset()),
}
