"""A real support channel, imported with its people: what `history` shows of its busiest is exactly what they said."""

import csv
import json
import re
from base64 import b64decode
from collections import Counter, defaultdict
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from adapters.local.world_rows import LocalPost
from bot.commonmark import inline, quoted
from bot.importing.load import load
from bot.importing.select import read_records
from bot.memory.memory import Memory
from bot.memory.terms import indexed_terms, query_terms
from bot.memory.values import MemoryOptions
from bot.supervision.report_text import inert
from tests.bot.commands.office import Office, buttons, office, person_id
from tests.support_chat import Channel, Line, read_channel

pytestmark = pytest.mark.data

BUSIEST = 10
_HEAD = re.compile(r"\((?P<total>[\d,]+)\)")
_COUNT = re.compile(r"^(?P<number>\d+)\. .* · messages: (?P<messages>[\d,]+)$", re.MULTILINE)
_WORD = re.compile(r"[a-z]{6,}")


def thread_of(channel: Channel, line: Line) -> str:
    """A reply chain is a conversation; whatever else a person says on one day is another."""
    chain = channel.chain_of.get(line.number)
    return f"own-{line.speaker}-{line.at:%Y-%m-%d}" if chain is None else f"chain-{chain.lines[0].number}"


@dataclass
class Read:
    """The file as it is, by conversations."""

    threads: dict[str, list[Line]]
    lines: tuple[Line, ...]

    def of(self, speaker: str) -> dict[str, list[Line]]:
        """The conversations in which somebody speaks, those with the newest last words first."""
        hers = {name: said for name, said in self.threads.items() if any(one.speaker == speaker for one in said)}
        return dict(sorted(hers.items(), key=lambda item: item[1][-1].at, reverse=True))

    @property
    def busiest(self) -> list[str]:
        return [name for name, _ in Counter(line.speaker for line in self.lines).most_common(BUSIEST)]


def read_purely(channel: Channel) -> Read:
    threads: dict[str, list[Line]] = defaultdict(list)
    for line in channel.lines:
        threads[thread_of(channel, line)].append(line)
    return Read(dict(threads), channel.lines)


async def imported(here: Office, channel: Channel, path: Path) -> None:
    """The channel as a file of JSON lines, imported for people who had been told."""
    write_lines(channel, path)
    memory = Memory(here.team.store, here.key, MemoryOptions(), here.team.bench.now, here.recorder)
    await load(read_records(path, whole_channels=True), memory, lambda _loaded: None, told=True)


def write_lines(channel: Channel, path: Path) -> None:
    rows = [
        {
            "thread_id": thread_of(channel, line),
            "resource_id": person_id(line.speaker),
            "role": "user",
            "text": line.text,
            "created_at": line.at.isoformat(),
            "id": f"line-{line.number}",
            "name": line.speaker,
            "place": {"kind": "public", "name": "#stripe"},
        }
        for line in channel.lines
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")


async def every_page(here: Office, person: str, **more: str) -> list[LocalPost]:
    """All pages of a list or a search."""
    given = {"person": person_id(person), "category": "quality review", **more}
    pages = [await here.run("grace", "supervise list", given)]
    while "More" in buttons(pages[-1]):
        pages.append(await here.press("grace", pages[-1], "More"))
    return pages


def total(post: LocalPost) -> int:
    found = _HEAD.search(post.text)
    assert found is not None, post.text
    return int(found["total"].replace(",", ""))


def exported(post: LocalPost, ending: str) -> str:
    (file,) = [one for one in post.extras["files"] if one["name"].endswith(ending)]
    return b64decode(file["content"]).decode("utf-8-sig")


async def test_a_supervisor_reads_exactly_what_the_busiest_ten_said_page_by_page(
    url: str, data: Path, tmp_path: Path
) -> None:
    channel = read_channel(data / "support_chat", "stripe.1")
    pure = read_purely(channel)
    async with office(url) as here:
        await imported(here, channel, tmp_path / "stripe.jsonl")
        for speaker in pure.busiest:
            await assert_lists(here, pure, speaker)
            await assert_transcript(here, pure, speaker)
            await assert_search(here, pure, speaker)
            await assert_export(here, pure, speaker)

        actions = Counter(row[0] for row in await here.audit("action"))
        assert actions["export"] == BUSIEST
        assert {row[0] for row in await here.audit("outcome")} == {"done"}


async def assert_lists(here: Office, pure: Read, speaker: str) -> None:
    """The pages hold her conversations, each once, the newest first, and nothing else."""
    pages = await every_page(here, speaker, channel="#stripe")
    expected = pure.of(speaker)
    counts = [match for page in pages for match in _COUNT.finditer(page.text)]

    assert {total(page) for page in pages} == {len(expected)}
    assert [int(one["messages"].replace(",", "")) for one in counts] == [len(said) for said in expected.values()]
    assert len(pages) == -(-len(expected) // 5)
    assert [int(one["number"]) for one in counts[:5]] == list(range(1, 1 + len(counts[:5])))


async def assert_transcript(here: Office, pure: Read, speaker: str) -> None:
    """The newest conversation, from its end to its beginning."""
    listed = await here.run("grace", "supervise list", {"person": person_id(speaker), "category": "quality review"})
    said = next(iter(pure.of(speaker).values()))
    pages = [await here.press("grace", listed, "1")]
    while "Earlier" in buttons(pages[-1]):
        pages.append(await here.press("grace", pages[-1], "Earlier"))
    text = "\n".join(page.text for page in reversed(pages))

    at = 0
    for line in said:
        wanted = quoted(line.text) if line.speaker == speaker else "**another participant**\n\n(not shown)"
        at = text.index(wanted.rstrip("\n"), at) + 1
    assert text.count("(not shown)") == sum(line.speaker != speaker for line in said)
    assert_nothing_of_others(pure, speaker, text)


async def assert_search(here: Office, pure: Read, speaker: str) -> None:
    """A word of hers is found wherever she said it, and nowhere else."""
    own = [line for line in pure.lines if line.speaker == speaker]
    words = Counter(word for line in own for word in set(_WORD.findall(line.text.lower())))
    word = words.most_common(1)[0][0]
    hits = [line for line in own if set(query_terms(word)) & set(indexed_terms(line.text))]
    pages = await every_page(here, speaker, words=word)
    rows = [row for page in pages for row in page.text.split("\n") if re.match(r"\d+\. ", row)]

    assert len(rows) == len(hits) == total(pages[0])
    assert all(f", {inline(speaker)}: " in row for row in rows)
    shown = [" ".join(line.text.split()) for line in hits]
    cut = Counter(inline(text if len(text) <= 160 else f"{text[:160]}…") for text in shown)
    assert Counter(row.partition(f", {inline(speaker)}: ")[2] for row in rows) == cut
    assert_nothing_of_others(pure, speaker, "\n".join(page.text for page in pages))


async def assert_export(here: Office, pure: Read, speaker: str) -> None:
    """The table holds all of it, in order, and of others only that they spoke."""
    before = {post.id for post in await here.shown("grace")}
    await here.run("grace", "supervise export", {"person": person_id(speaker), "category": "quality review"})
    await here.quiet()
    (post,) = [one for one in await here.shown("grace") if one.id not in before and one.extras.get("files")]
    rows = list(csv.DictReader(StringIO(exported(post, ".csv"))))
    found: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for row in rows:
        found[row["conversation"]].append((row["speaker"], row["time"], row["text"]))
    expected = {
        name: [
            (inert(speaker) if one.speaker == speaker else "another participant", stamp(one), words(one, speaker))
            for one in said
        ]
        for name, said in pure.of(speaker).items()
    }

    assert found == expected
    assert all(
        row["exported"].startswith("Exported by Grace on ") and "Reason: quality review." in row["exported"]
        for row in rows
    )
    text = exported(post, ".md")
    assert text.count("\n## ") == len(expected)
    assert all(quoted(one.text) in text for said in pure.of(speaker).values() for one in said if one.speaker == speaker)
    assert_nothing_of_others(pure, speaker, text + exported(post, ".csv"))


def stamp(line: Line) -> str:
    return line.at.isoformat().replace("+00:00", "Z")


def words(line: Line, speaker: str) -> str:
    return inert(line.text) if line.speaker == speaker else ""


def assert_nothing_of_others(pure: Read, speaker: str, text: str) -> None:
    """No line of anybody else, unless she said the same."""
    own = "\n".join(line.text for line in pure.lines if line.speaker == speaker)
    others = {line.text for line in pure.lines if line.speaker != speaker and len(line.text) > 20}
    foreign = [line for line in others if line not in own and (line in text or quoted(line).strip() in text)]
    assert foreign == []
