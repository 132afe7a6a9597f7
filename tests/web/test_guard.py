"""Who may ask at all: this machine, our own pages, a live session; and what every answer forbids the browser."""

from datetime import timedelta
from uuid import uuid4

import pytest

from adapters.local.playground.app import ROUTES
from adapters.local.playground.guard import HEADERS, addresses
from adapters.local.playground.session import SESSION_LIFE, Session, Sessions
from tests.bot.turns.team import wall_clock
from tests.web.asking import FORM, Browser
from tests.web.stage import SECRET, Stage

SAY = "/as/ada/in/@ada/say"
POSTS = [route.name for route in ROUTES if "POST" in (route.methods or ())]
_PATHS = {
    "say": SAY,
    "stop": "/as/ada/in/@ada/stop",
    **{name: f"/as/ada/posts/{uuid4()}/{name}" for name in ("edit", "delete", "rate", "press")},
}


def test_every_form_of_the_playground_is_tested_here() -> None:
    assert sorted(POSTS) == sorted(_PATHS)


# Hosts


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}", "LOCALHOST:{port}"])
async def test_this_machine_is_served_under_its_own_names(browser: Browser, host: str) -> None:
    browser.host = host.format(port=browser.stage.port)
    assert (await browser.get("/people")).status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:{port}",
     "0.0.0.0:{port}", "127.0.0.1:{port}@evil.example"],
)  # fmt: skip
async def test_a_foreign_name_is_refused_everywhere(browser: Browser, host: str) -> None:
    browser.host = host.format(port=browser.stage.port)
    for path in ("/", "/people", "/static/playground.js", "/as/ada/in/@ada", "/nowhere"):
        answer = await browser.get(path)
        assert (answer.status, "set-cookie" in answer.headers) == (403, False)


async def test_two_host_headers_are_refused(browser: Browser) -> None:
    own = f"127.0.0.1:{browser.stage.port}"
    answer = await browser.ask("GET", "/people", headers={"host": f"{own}\r\nhost: evil.example"})
    assert answer.status in {400, 403}


def test_the_port_of_http_may_be_left_out() -> None:
    assert "localhost" in addresses(80)
    assert "localhost" not in addresses(8080)


# Headers


@pytest.mark.parametrize(
    "path", ["/", "/people", "/side-by-side", "/as/ada/in/@ada", "/as/nobody/in/general", "/static/playground.css",
             "/nowhere", "/as/ada/in/@ada/complete?text=/"],
)  # fmt: skip
async def test_every_answer_forbids_what_it_does_not_need(browser: Browser, path: str) -> None:
    answer = await browser.get(path)
    assert {name: answer.headers.get(name) for name in HEADERS} == dict(HEADERS)


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    policy = HEADERS["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "http" not in policy
    for directive in ("script-src 'self'", "frame-ancestors 'self'", "base-uri 'none'", "form-action 'self'"):
        assert directive in policy


# Forms


async def _sent(browser: Browser, name: str, **changes: str | None) -> int:
    token = await browser.token()
    fields = {"csrf": token, "text": "Hello", "value": "good", "button": "x", "confirmed": "1"}
    headers = {name.replace("_", "-"): value for name, value in changes.items() if name != "csrf"}
    if "csrf" in changes:
        fields["csrf"] = changes["csrf"] or ""
    answer = await browser.post(_PATHS[name], fields, **headers)  # type: ignore[arg-type]
    return answer.status


async def test_what_our_own_page_sends_is_let_through(browser: Browser) -> None:
    # The posts do not exist: that is found out behind the guard.
    for name in POSTS:
        assert await _sent(browser, name) == (303 if name in {"say", "stop"} else 404)


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "http://evil.example", "sec_fetch_site": "cross-site"},
        {"origin": "http://evil.example", "sec_fetch_site": None},
        {"origin": None, "sec_fetch_site": None},
        {"origin": "null", "sec_fetch_site": None},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "cross-site"},
        {"origin": "null", "sec_fetch_site": "cross-site"},
        {"origin": "http://evil.example"},
        {"sec_fetch_site": "none", "origin": None},
        {"csrf": ""},
        {"csrf": "forged"},
        {"csrf": "gefälscht"},
    ],
    ids=lambda changes: "-".join(f"{key}={value}" for key, value in changes.items()),
)
async def test_what_others_send_is_refused(browser: Browser, changes: dict[str, str | None]) -> None:
    assert {name: await _sent(browser, name, **changes) for name in POSTS} == dict.fromkeys(POSTS, 403)
    assert await browser.stage.seen("ada") == []


async def test_another_sessions_token_is_refused(stage: Stage, browser: Browser) -> None:
    foreign = await Browser(stage).token()
    assert foreign != await browser.token()
    assert await _sent(browser, "say", csrf=foreign) == 403


async def test_a_method_that_is_not_there_changes_nothing(browser: Browser) -> None:
    token = await browser.token()
    mine = {"origin": browser.stage.url, "content-type": FORM}
    for method in ("PUT", "DELETE", "PATCH"):
        answer = await browser.ask(method, SAY, f"csrf={token}&text=Hello", mine)
        assert answer.status == 405
    over = await browser.ask("GET", f"{SAY}?_method=POST&csrf={token}&text=Hello", headers=mine)
    assert over.status == 405
    assert await browser.stage.seen("ada") == []


# Sessions


async def test_the_cookie_is_for_the_server_alone(browser: Browser) -> None:
    cookie = (await browser.get("/people")).headers["set-cookie"]
    assert "; HttpOnly; SameSite=Lax" in cookie
    assert (await browser.get("/people")).headers.get("set-cookie") is None


@pytest.mark.parametrize(
    "spoil", [lambda c: c[:-2] + "AA", lambda c: c.replace(".", ".f", 1), lambda _c: "x=", str.upper]
)
async def test_a_forged_cookie_is_no_session(browser: Browser, spoil: object) -> None:
    token = await browser.token()
    browser.cookie = spoil(browser.cookie)  # type: ignore[operator]
    answer = await browser.post(SAY, {"csrf": token, "text": "Hello"})
    assert answer.status == 403
    assert await browser.stage.seen("ada") == []


async def test_a_session_ends_and_its_token_with_it(stage: Stage, browser: Browser) -> None:
    token = await browser.token()
    stage.ahead[0] = SESSION_LIFE + timedelta(seconds=1)
    answer = await browser.post(SAY, {"csrf": token, "text": "Hello"})
    assert answer.status == 403
    assert "Please load it again" in answer.text


async def test_a_session_that_is_used_goes_on_with_the_same_token(stage: Stage, browser: Browser) -> None:
    token = await browser.token()
    stage.ahead[0] = SESSION_LIFE * 0.7
    assert await browser.token() == token
    stage.ahead[0] = SESSION_LIFE * 1.4
    assert (await browser.post(SAY, {"csrf": token, "text": "Hello"})).status == 303


def test_a_session_of_another_key_is_none() -> None:
    ours, others = Sessions(SECRET, wall_clock), Sessions(b"another", wall_clock)
    session = others.opened()
    assert others.of_cookie(others.cookie(session)) == session
    assert ours.of_cookie(others.cookie(session)) is None
    assert not ours.holds(session, others.token(session))
    assert ours.of_cookie(ours.token(session)) is None
    # What a form bears is signed for nothing else.
    body = ours.cookie(session).rpartition(".")[0]
    assert ours.of_cookie(f"{body}.{ours.token(Session(body, session.expires))}") is None
