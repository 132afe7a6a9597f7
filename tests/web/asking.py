"""Bare requests, with just the headers that a test wants."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from tests.web.stage import Stage

FORM = "application/x-www-form-urlencoded"


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


@dataclass
class Browser:
    """What a browser is to the server: its cookie, its address, what it says of where a form was sent from."""

    stage: Stage
    cookie: str = ""
    host: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    async def ask(
        self, method: str, path: str, body: bytes | str = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        content = body.encode() if isinstance(body, str) else body
        sent = {"host": self.host or f"127.0.0.1:{self.stage.port}", "connection": "close"}
        if self.cookie:
            sent["cookie"] = self.cookie
        sent |= self.headers | dict(headers or {})
        if content or method == "POST":
            sent.setdefault("content-length", str(len(content)))
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items() if value is not None)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.stage.port)
        try:
            writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + content)
            async with asyncio.timeout(20):
                try:
                    await writer.drain()
                    answered = await reader.read()
                except ConnectionError:
                    answered = b"HTTP/1.1 413 Closed\r\n\r\n"
        finally:
            writer.close()
        return _answer(answered)

    async def get(self, path: str, **headers: str) -> Answer:
        answer = await self.ask("GET", path, headers=headers)
        cookie = answer.headers.get("set-cookie", "")
        self.cookie = cookie.partition(";")[0] or self.cookie
        return answer

    async def token(self, person: str = "ada") -> str:
        """What the forms of this browser's pages bear."""
        page = await self.get(f"/as/{person}/in/@{person}")
        found = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert found is not None, page.text[:500]
        return found[1]

    async def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
        """Send a form as one of our own pages does."""
        mine = {"origin": self.stage.url, "sec-fetch-site": "same-origin", "content-type": FORM}
        return await self.ask("POST", path, urlencode(fields, errors="surrogatepass"), {**mine, **headers})


def _answer(answered: bytes) -> Answer:
    head, _, body = answered.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split(" ")[1]), headers, body)
