"""Spoilt requests: each is the sender's mistake, and none ends the server or is half done."""

from urllib.parse import quote

import pytest

from adapters.local.playground.bodies import BODY_BYTES, FILES
from tests.web.asking import FORM, Answer, Browser

SAY = "/as/ada/in/@ada/say"
NOBODY = "0beeaad3-bc9d-4b63-a113-618aa9dce715"
_MARK = "----mark"
MULTIPART = f"multipart/form-data; boundary={_MARK}"


async def _send(browser: Browser, body: bytes, kind: str, path: str = SAY, **headers: str) -> Answer:
    mine = {"origin": browser.stage.url, "content-type": kind, **headers}
    return await browser.ask("POST", path, body, mine)


def parts(*named: tuple[str, str, bytes]) -> bytes:
    """A body of parts: the head's end, a media type or "", the content."""
    found = b""
    for disposition, kind, content in named:
        found += f"--{_MARK}\r\nContent-Disposition: form-data; {disposition}\r\n".encode()
        found += (f"Content-Type: {kind}\r\n".encode() if kind else b"") + b"\r\n" + content + b"\r\n"
    return found + f"--{_MARK}--\r\n".encode()


SPOILT = [
    (b"", FORM),
    (b"", ""),
    (b"", MULTIPART),
    (b"{}", "application/json"),
    (b'{"csrf": "x"}', "text/plain"),
    (b"\xff\xfe\x00", FORM),
    (b"a=1&" * 100, FORM),
    (b"%ZZ=%&=&&&", FORM),
    (b"text=" + b"%ED%A0%80" * 10, FORM),
    (b"--" + _MARK.encode(), MULTIPART),
    (b"--" + _MARK.encode() + b"\r\n\r\n\r\n", MULTIPART),
    (parts(("name=", "", b"")), MULTIPART),
    (parts(('filename="x"', "", b"")), MULTIPART),
    (parts(*[('name="a"', "", b"1")] * 100), MULTIPART),
    (parts(('name="a"; x="' + "y" * 5_000 + '"', "", b"1")), MULTIPART),
    (parts(('name="text"', "", b"hi")), "multipart/form-data"),
    (parts(('name="text"', "", b"hi")), "multipart/form-data; boundary=" + "b" * 200),
    (b"\x00" * 1_000, MULTIPART),
    (b"<x/>", "application/xml"),
]


async def test_a_spoilt_body_is_refused(browser: Browser) -> None:
    await browser.token()
    for body, kind in SPOILT:
        answer = await _send(browser, body, kind)
        assert 400 <= answer.status < 500, (body[:80], kind)
        assert (await browser.get("/people")).status == 200
    assert await browser.stage.seen("ada") == []


@pytest.mark.parametrize("kind", [FORM, MULTIPART])
async def test_a_body_that_is_too_large_is_refused(browser: Browser, kind: str) -> None:
    await browser.token()
    assert (await _send(browser, b"x" * (BODY_BYTES + 1), kind)).status == 413
    assert (await browser.get("/people")).status == 200


PATHS = [
    "/as/%00/in/general",
    "/as/ada/in/%00",
    "/as/ada/in/..",
    "/as/ada/in/%2e%2e%2f%2e%2e",
    "/as/Ada/in/general",
    f"/as/{'a' * 500}/in/general",
    f"/as/ada/in/{quote('ä' * 50)}",
    "/as/ada/in/general?thread=x",
    f"/as/ada/in/general?thread={NOBODY}",
    "/as/ada/in/general?before=x",
    "/as/ada/in/general?before=-1",
    "/as/ada/in/general?before=" + "9" * 40,
    "/as/ada/in/general?before=%D9%A3",
    "/as/ada/in/general?edit=%00",
    "/as/ada/posts/x/files/0",
    f"/as/ada/posts/{NOBODY}/files/0",
    f"/as/ada/posts/{NOBODY}/files/{'9' * 40}",
    f"/as/ada/posts/{NOBODY}/pictures/-1",
    "/side-by-side?left=nobody&right=ada",
    "/side-by-side?left=%00&right=ada",
    "/static/../app.py",
    "/static/%2e%2e/app.py",
    "/static/..%2fapp.py",
    "/as/ada/in/general/live?thread=x",
    "/as/ada/in/leads/live",
]


async def test_an_address_that_cannot_be_is_the_address_of_nothing(browser: Browser) -> None:
    assert {path: (await browser.get(path)).status for path in PATHS} == dict.fromkeys(PATHS, 404)


async def test_nobody_can_do_nothing(browser: Browser) -> None:
    token = await browser.token()
    fields = {"csrf": token, "text": "Hello", "button": "x"}
    for person in ("nobody", "%00", "Ada", "keeper"):
        for act in ("in/general/say", "in/general/stop", f"posts/{NOBODY}/press", "posts/x/edit"):
            answer = await browser.post(f"/as/{person}/{act}", fields)
            assert answer.status == 404, (person, act)


async def test_text_that_no_database_takes_is_mended(browser: Browser) -> None:
    token = await browser.token()
    body = f"csrf={token}&text=a%00b%0D%0Ac%ED%A0%80d".encode()
    assert (await _send(browser, body, FORM)).status == 303
    (post,) = [one for one in await browser.stage.seen("ada") if one.author]
    assert post.text.startswith("a\ufffdb\nc\ufffd")


async def test_files_arrive_as_they_were_sent(browser: Browser) -> None:
    token = await browser.token()
    content = bytes(range(256)) * 3 + b"\r\n--" + _MARK[:5].encode() + b"\r\n\r\n"
    body = parts(
        ('name="csrf"', "", token.encode()),
        ('name="text"', "", "Schau, größer".encode()),
        ('name="file"; filename="..\\..\\a/b%22<i>.csv"', "text/csv", content),
        ('name="file"; filename=""', "application/octet-stream", b""),
        ('name="file"; filename="none.html"', "text/html; <x>", b""),
    )
    assert (await _send(browser, body, MULTIPART)).status == 303
    (post,) = [one for one in await browser.stage.seen("ada") if one.author]
    assert post.text == "Schau, größer"
    assert [(one["name"], one["media_type"], one["size"]) for one in post.extras["attachments"]] == [
        ('b"<i>.csv', "text/csv", len(content)),
        ("none.html", "application/octet-stream", 0),
    ]
    answer = await browser.get(f"/as/ada/posts/{post.id}/files/0")
    assert answer.body == content
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''b%22%3Ci%3E.csv")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "sandbox" in answer.headers["content-security-policy"]
    # Shown it is never, and others do not get it.
    assert (await browser.get(f"/as/ada/posts/{post.id}/pictures/0")).status == 404
    assert (await browser.get(f"/as/ada/posts/{post.id}/files/2")).status == 404
    assert (await browser.get(f"/as/bela/posts/{post.id}/files/0")).status == 404


async def test_too_many_and_too_large_files_are_refused_and_what_was_written_stays(browser: Browser) -> None:
    token = await browser.token()
    text = [('name="csrf"', "", token.encode()), ('name="text"', "", b"These words stay")]
    large = ('name="file"; filename="a"', "", b"x" * 1_048_577)
    answer = await _send(browser, parts(*text, large), MULTIPART)
    assert answer.status == 422
    assert "These words stay" in answer.text
    assert "at most 1,048,576 bytes" in answer.text
    many = [('name="file"; filename="a"', "", b"x")] * (FILES + 1)
    assert (await _send(browser, parts(*text, *many), MULTIPART)).status == 413
    assert await browser.stage.seen("ada") == []
