"""What happened, as the platform and the model saw it; and the checker, which reads that and nothing else.

A history is a file of JSON lines, one for each thing that happened, in order, each with `at`, a monotonic time. Its
words are `said`, `delivered`, `refused` (with the error), `acknowledged`, `posted`, `edited`, `deleted`, `found` (with
what was answered), `asked` (the model, with the questions), `job` (a report is owed), `killed`, `stopped` and `ended`
(a process).
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.answers import answer_to, parts_of

Happened = Mapping[str, Any]


class History:
    """Writes down what happens."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("a", encoding="utf-8")
        self.last_at = time.monotonic()

    def note(self, what: str, **data: Any) -> None:
        """Write something down; it is in the file when this returns, whoever is killed next."""
        self.last_at = time.monotonic()
        self._file.write(json.dumps({"at": self.last_at, "what": what, **data}) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def read_history(path: Path) -> list[Happened]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@dataclass
class Verdict:
    """What a history shows. Questions and reports are named by what their answers name: `12`, `job1`."""

    said: int = 0
    acknowledged: int = 0
    answered_once: int = 0
    #: Owed, and nothing of an answer can be seen.
    lost: list[str] = field(default_factory=list)
    #: Something of an answer can be seen twice.
    twice: list[str] = field(default_factory=list)
    #: An answer lacks a part, or has its parts in another order, or in other words.
    broken: list[str] = field(default_factory=list)
    #: Answered before what its author had said before it.
    out_of_order: list[str] = field(default_factory=list)
    #: Posts that are no answers.
    foreign: list[str] = field(default_factory=list)
    #: The model was asked the same again though nobody had died.
    asked_again: list[str] = field(default_factory=list)
    #: Incomplete answers where the platform had not said whether a post was made.
    ambiguous: int = 0
    answers: int = 0
    model_calls: int = 0
    kills: int = 0

    @property
    def problems(self) -> dict[str, list[str]]:
        """What must not be, by its kind; empty where all is well."""
        kinds = ("lost", "twice", "broken", "out_of_order", "foreign", "asked_again")
        return {kind: found for kind in kinds if (found := getattr(self, kind))}


def judge(history: Sequence[Happened]) -> Verdict:
    """Read a history to its end."""
    verdict = Verdict()
    owed = {one["name"]: one for one in history if one["what"] in {"said", "job"}}
    acknowledged = _first(history, "acknowledged")
    verdict.said = sum(one["what"] == "said" for one in history)
    verdict.acknowledged = sum(name in acknowledged for name in owed)
    verdict.kills = sum(one["what"] == "killed" for one in history)
    seen = _answers_seen(history, verdict)
    verdict.answers = len(seen)
    for name, said in owed.items():
        _judge_one(name, said, seen, history, verdict)
    _judge_order(owed, acknowledged, _first(history, "delivered"), seen, verdict)
    _judge_model(history, verdict)
    return verdict


@dataclass(frozen=True)
class _Seen:
    """One answer, as it can be seen in the end."""

    names: tuple[str, ...]
    position: int
    #: What is wrong with it: "", "twice" or "broken".
    flaw: str


def _first(history: Sequence[Happened], what: str) -> dict[str, float]:
    """When each question was first delivered, or acknowledged."""
    found: dict[str, float] = {}
    for one in history:
        if one["what"] == what:
            found.setdefault(one["name"], one["at"])
    return found


def visible_posts(history: Sequence[Happened]) -> Iterator[tuple[str, str]]:
    """The place and the last text of each post that was not deleted, in the order in which they were made."""
    posts: dict[str, tuple[str, str]] = {}
    for one in history:
        if one["what"] == "posted":
            posts[one["id"]] = (one["place"], one["text"])
        elif one["what"] == "edited":
            posts[one["id"]] = (posts[one["id"]][0], one["text"])
        elif one["what"] == "deleted":
            del posts[one["id"]]
    yield from posts.values()


def _answers_seen(history: Sequence[Happened], verdict: Verdict) -> dict[tuple[str, tuple[str, ...]], _Seen]:
    """By place, and by what they answer."""
    texts: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    positions: dict[tuple[str, tuple[str, ...]], int] = {}
    for position, (place, text) in enumerate(visible_posts(history)):
        parts = parts_of(text)
        names = {part[0] for part in parts}
        if len(names) != 1:
            verdict.foreign.append(f"{place}: {text!r}")
            continue
        key = (place, names.pop())
        texts[key].append(text)
        positions.setdefault(key, position)
    return {key: _Seen(key[1], positions[key], _flaw(key[1], texts[key])) for key in texts}


def _flaw(names: tuple[str, ...], posts: Sequence[str]) -> str:
    shown = " ".join(" ".join(posts).split())
    if shown == " ".join(answer_to(names).split()):
        return ""
    counted = Counter(number for _names, number, _of in parts_of(shown))
    return "twice" if any(times > 1 for times in counted.values()) else "broken"


def _judge_one(
    name: str,
    said: Happened,
    seen: Mapping[tuple[str, tuple[str, ...]], _Seen],
    history: Sequence[Happened],
    verdict: Verdict,
) -> None:
    mine = [one for (place, names), one in seen.items() if place == said["place"] and name in names]
    if len(mine) == 1 and not mine[0].flaw:
        verdict.answered_once += 1
    elif len(mine) > 1 or any(one.flaw == "twice" for one in mine):
        verdict.twice.append(name)
    elif _may_be_incomplete(said["place"], history):
        verdict.ambiguous += 1
    elif mine:
        verdict.broken.append(name)
    else:
        verdict.lost.append(name)


def _may_be_incomplete(place: str, history: Sequence[Happened]) -> bool:
    """Whether the platform would not say of a post in this place whether it was made, which it was not."""
    unknown = {one["key"] for one in history if one["what"] == "found" and one["unknown"] and one["place"] == place}
    return bool(unknown - {one["key"] for one in history if one["what"] == "posted"})


def _judge_order(
    owed: Mapping[str, Happened],
    acknowledged: Mapping[str, float],
    delivered: Mapping[str, float],
    seen: Mapping[tuple[str, tuple[str, ...]], _Seen],
    verdict: Verdict,
) -> None:
    """What was acknowledged before something else was first delivered is answered before it, or together with it."""
    positions = {(place, name): one.position for (place, names), one in seen.items() for name in names}
    by_author: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, said in owed.items():
        if (said["place"], name) in positions and name in delivered:
            by_author[said["place"], said.get("person", "")].append(name)
    for (place, _person), names in by_author.items():
        for later in names:
            for earlier in names:
                first = acknowledged.get(earlier, float("inf")) < delivered[later]
                if first and positions[place, earlier] > positions[place, later]:
                    verdict.out_of_order.append(f"{later} before {earlier}")


def _judge_model(history: Sequence[Happened], verdict: Verdict) -> None:
    """The same is asked a second time only where a process ended or was stopped in between."""
    asked: set[tuple[str, ...]] = set()
    for one in history:
        if one["what"] in {"killed", "stopped", "ended"}:
            asked.clear()
        elif one["what"] == "asked":
            verdict.model_calls += 1
            names = tuple(one["names"])
            if names in asked:
                verdict.asked_again.append("+".join(names))
            asked.add(names)


def open_questions(history: Sequence[Happened]) -> set[str]:
    """What is owed, and of which nothing whole can be seen yet."""
    verdict = Verdict()
    whole = {
        (key[0], name) for key, one in _answers_seen(history, verdict).items() if not one.flaw for name in one.names
    }
    return {
        one["name"] for one in history if one["what"] in {"said", "job"} and (one["place"], one["name"]) not in whole
    }
