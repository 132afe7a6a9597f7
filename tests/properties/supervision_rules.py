"""What a supervisor in a chat may see, said a second time: in plain Python, rule after rule."""

from dataclasses import dataclass, field

BREADTH = {"off": 0, "channels": 1, "all": 2}


@dataclass
class Said:
    """A message."""

    id: str
    thread: str
    author: str
    text: str
    #: The disclosure that it bears; 0 is none.
    version: int
    off_record: bool = False


@dataclass
class Talk:
    """A conversation."""

    id: str
    owner: str
    kind: str
    channel: str


@dataclass
class World:
    """All that there is to know."""

    #: What was told, version 1 first.
    versions: list[str] = field(default_factory=lambda: ["off"])
    told: dict[str, int] = field(default_factory=dict)
    talks: dict[str, Talk] = field(default_factory=dict)
    said: dict[str, Said] = field(default_factory=dict)
    #: Whether the supervisor has the role, is here, and whom she may read.
    role: bool = False
    here: bool = True
    scope: frozenset[tuple[str, str]] = frozenset()

    def narrowest(self, *versions: int) -> int:
        return min(versions, key=lambda one: (BREADTH[self.versions[one - 1]] if one else -1, one))

    def version_said_by(self, author: str) -> int:
        """A message bears what its author was told, or less, where less holds."""
        newest = len(self.versions)
        return self.narrowest(self.told.get(author, newest), newest)

    def edited(self, one: Said) -> int:
        """An edit widens nothing."""
        return self.narrowest(one.version, self.version_said_by(one.author)) if one.version else 0

    def allows(self, version: int, talk: Talk) -> bool:
        supervision = self.versions[version - 1] if version else "off"
        return supervision == "all" or (supervision == "channels" and talk.kind != "direct")

    def disclosed(self, one: Said) -> bool:
        """Both what its author knew and what holds now must allow it."""
        talk = self.talks[one.thread]
        return not one.off_record and self.allows(one.version, talk) and self.allows(len(self.versions), talk)

    def reaches(self, talk: Talk, person: str) -> bool:
        """Whether the supervisor's scope holds this conversation of this person."""
        if not (self.role and self.here):
            return False
        in_channel = talk.kind != "direct" and ("channel", talk.channel) in self.scope
        return ("everyone", "") in self.scope or ("person", person) in self.scope or in_channel

    def shown(self, talk: Talk, person: str) -> list[Said]:
        """The messages of a conversation that exist for her; those of others than the person without words."""
        disclosed = [one for one in self.said.values() if one.thread == talk.id and self.disclosed(one)]
        spoke = any(one.author == person for one in disclosed)
        return disclosed if spoke and self.reaches(talk, person) else []

    def title_shown(self, talk: Talk, person: str) -> bool:
        """Of the person's own conversations, all of whose words are disclosed."""
        every = [one for one in self.said.values() if one.thread == talk.id]
        return talk.owner == person and all(self.disclosed(one) for one in every)
