"""Every address of the playground, for everybody, of everything: what comes of it is what the policy says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import Connection, select

from adapters.local.playground.seed import WORKSPACE
from bot.chat import File
from bot.storage.tables import metadata
from bot.storage.turn_tables import OPEN_STATES, jobs, turns
from tests.access.policy import ROUTES, Address
from tests.contract.conftest import until
from tests.web.asking import Answer, Browser
from tests.web.stage import Stage, playing
from tests.web.test_news import Reading

#: A word that stands in leads, in the direct conversations of grace and of ada, and in a private answer to grace.
SECRETS = ("canary-leads", "canary-grace", "canary-private")


@dataclass(frozen=True)
class Posts:
    """Posts by who can see them and who wrote them."""

    #: By ada, in a channel that ada and noor can read.
    adas: str
    #: By noor, there.
    noors: str
    #: Where ada cannot read.
    leads: str
    direct: str
    #: The bot's to grace alone, in a channel that ada can read.
    private: str


async def _furnish(stage: Stage) -> Posts:
    file = (File("a.txt", "text/plain", b"abc"),)
    adas = await stage.say("ada", "hello all", "support", files=file)
    noors = await stage.say("noor", "hello ada", "support", files=file)
    leads = await stage.say("grace", SECRETS[0], "leads", files=file)
    direct = await stage.say("grace", SECRETS[1], files=file)
    await stage.local.command(WORKSPACE, "support", "grace", SECRETS[2], {})
    private = await stage.said("grace", f"{SECRETS[2]} ran", "support")
    return Posts(adas, noors, leads, direct, private.id)


def _filled(address: Address, person: str = "ada", channel: str = "support", post: str = "") -> str:
    return address.path.format(person=person, channel=channel, post=post)


async def _ask(browser: Browser, address: Address, path: str, token: str, **headers: str) -> Answer:
    if address.method == "GET":
        return await browser.ask("GET", path, headers=headers)
    return await browser.post(path, {"csrf": token, **address.fields}, **headers)


async def _stored(connection_of: Stage) -> Mapping[str, object]:
    def read(connection: Connection) -> Mapping[str, object]:
        tables = [table for table in metadata.sorted_tables if table is not jobs]
        return {table.name: connection.execute(select(table).order_by(*table.primary_key)).all() for table in tables}

    return await connection_of.store.read(read)


def _absent(posts: Posts, address: Address) -> Iterator[tuple[str, str]]:
    """Addresses of what is not there, or not for who asks to see."""
    yield "nobody", _filled(address, person="nobody", post=posts.adas)
    yield "no name", _filled(address, person="%00", post=posts.adas)
    if address.names == "place":
        yield "private channel", _filled(address, channel="leads")
        yield "direct of another", _filled(address, channel="@grace")
        yield "no channel", _filled(address, channel="nothing")
        yield "no channel's name", _filled(address, channel="..")
        yield "channel of who was never in it", _filled(address, person="noor", channel="general")
    if address.names == "post":
        yield "in a private channel", _filled(address, post=posts.leads)
        yield "in a direct conversation", _filled(address, post=posts.direct)
        yield "for another alone", _filled(address, post=posts.private)
        yield "no post", _filled(address, post=str(uuid4()))
        yield "no post's name", _filled(address, post="x")


async def test_what_is_not_there_and_what_is_not_hers_answers_alike_and_changes_nothing(url: str) -> None:
    found: dict[str, object] = {}
    async with playing(url) as stage:
        posts, browser = await _furnish(stage), Browser(stage)
        token = await browser.token()
        await _quiet(stage)
        before = await _stored(stage)
        for name, address in ROUTES.items():
            if address.names in {"", "person"}:
                continue
            answers = {}
            for case, path in _absent(posts, address):
                answer = await _ask(browser, address, path, token)
                answers[case] = (answer.status, {k: v for k, v in answer.headers.items() if k != "date"}, answer.body)
                if any(secret in answer.text for secret in SECRETS):
                    found[f"{name} · {case} shows"] = answer.text
            if {status for status, *_rest in answers.values()} != {404} or len(
                {repr(one) for one in answers.values()}
            ) > 1:
                found[name] = answers
        assert not found
        assert await _stored(stage) == before


async def test_who_may_is_let_in(url: str) -> None:
    async with playing(url) as stage:
        posts, browser = await _furnish(stage), Browser(stage)
        token = await browser.token()
        for name in sorted(ROUTES, key=lambda one: one == "delete"):
            address = ROUTES[name]
            path = _filled(address, post=posts.adas)
            if name == "live":
                kind, sight = await anext(Reading(browser).events(path))
                assert (kind, any(secret in repr(sight) for secret in SECRETS)) == ("sight", False)
                continue
            answer = await _ask(browser, address, path, token)
            assert answer.status == address.allowed, (name, answer.text)
            assert not any(secret in answer.text for secret in SECRETS), name


async def test_what_another_wrote_is_hers_to_change(url: str) -> None:
    async with playing(url) as stage:
        posts, browser = await _furnish(stage), Browser(stage)
        token = await browser.token()
        await _quiet(stage)
        before = await _stored(stage)
        for name, address in ROUTES.items():
            if address.names != "post":
                continue
            answer = await _ask(browser, address, _filled(address, post=posts.noors), token)
            expected = ({"edit": 422, "delete": 403}[name]) if address.author_alone else address.allowed
            assert answer.status == expected, (name, answer.text)
        assert await _stored(stage) == before


async def test_nothing_is_done_without_our_page_our_name_or_a_session(url: str) -> None:
    async with playing(url) as stage:
        posts, browser, other = await _furnish(stage), Browser(stage), Browser(stage)
        token, foreign = await browser.token(), await other.token()
        await _quiet(stage)
        before = await _stored(stage)
        statuses: dict[str, int] = {}
        for name, address in ROUTES.items():
            path = _filled(address, post=posts.adas)
            statuses[f"{name}: another host"] = (await _ask(browser, address, path, token, host="evil.example")).status
            if address.method == "GET":
                # A page reads, and has no side effect that another site could want.
                statuses[f"{name}: posted"] = (await browser.post(path, {"csrf": token})).status
                continue
            fields = {"csrf": token, **address.fields}
            site = {"origin": "http://evil.example", "sec-fetch-site": "cross-site"}
            statuses[f"{name}: another site"] = (await browser.post(path, fields, **site)).status
            statuses[f"{name}: another session"] = (await browser.post(path, {**fields, "csrf": foreign})).status
            statuses[f"{name}: no token"] = (await browser.post(path, address.fields)).status
            statuses[f"{name}: no session"] = (await Browser(stage).post(path, fields)).status
            statuses[f"{name}: asked for"] = (await browser.ask("GET", path)).status
        posted = {name: status for name, status in statuses.items() if name.endswith(("posted", "asked for"))}
        assert set(posted.values()) == {405}, posted
        refused = {name: status for name, status in statuses.items() if name not in posted}
        assert set(refused.values()) == {403}, refused
        assert await _stored(stage) == before


async def _quiet(stage: Stage) -> None:
    """Wait until all that was said is answered; who looks then sees what stays."""

    async def answered() -> bool:
        return len(await stage.seen("grace")) > 1 and not await stage.store.read(_owed)

    await until(answered)


def _owed(connection: Connection) -> bool:
    statement = select(turns.c.key).where(turns.c.state.in_(OPEN_STATES)).limit(1)
    return connection.execute(statement).scalar() is not None
