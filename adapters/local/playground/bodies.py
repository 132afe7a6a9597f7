"""What a form sent, read within bounds: fields and files. Whatever cannot be read is the sender's mistake."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from bot.chat import File

#: Largest body of one request, in bytes: three files and what is said with them.
BODY_BYTES = 4 * 1_048_576
#: Most files that are sent at once.
FILES = 3
_FIELDS = 64
_NAME_CHARACTERS = 120
_HEAD_BYTES = 2_048
_BOUNDARY = re.compile(r"""boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))""", re.IGNORECASE)
_PARAMETER = re.compile(r'\b(name|filename)="([^"\r\n]*)"', re.IGNORECASE)
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,60}")
#: What a browser writes for signs that would end a name.
_ESCAPED = (("%22", '"'), ("%0D", " "), ("%0A", " "))


@dataclass(frozen=True, slots=True)
class Sent:
    """What a form sent."""

    fields: Mapping[str, str]
    files: tuple[File, ...] = ()

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")


async def read_sent(request: Request) -> Sent:
    """Read a form.

    Raises:
        HTTPException: it is too large (413), of an unknown kind (415), or spoilt (400).
    """
    body = await _body(request)
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    if kind.strip().lower() == "application/x-www-form-urlencoded":
        return _encoded(body)
    if kind.strip().lower() == "multipart/form-data":
        return _parts(body, parameters)
    raise HTTPException(415, "Only forms can be sent here.")


async def _body(request: Request) -> bytes:
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > BODY_BYTES:
            raise HTTPException(413, f"At most {BODY_BYTES:,} bytes can be sent at once.")
    return bytes(found)


def _encoded(body: bytes) -> Sent:
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS, errors="replace", separator="&"
        )
    except ValueError:
        raise _spoilt() from None
    return Sent({name: clean(value) for name, value in pairs})


def _parts(body: bytes, parameters: str) -> Sent:
    boundary = _BOUNDARY.search(parameters)
    if boundary is None:
        raise _spoilt()
    mark = b"--" + (boundary[1] or boundary[2]).encode()
    first, *parts = (b"\r\n" + body).split(b"\r\n" + mark)
    if first or not parts or not parts.pop().startswith(b"--") or len(parts) > _FIELDS:
        raise _spoilt()
    fields: dict[str, str] = {}
    files: list[File] = []
    for part in parts:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        if len(head) > _HEAD_BYTES:
            raise _spoilt()
        lines = dict(line.lower().split(": ", 1) for line in _text(head).split("\r\n") if ": " in line)
        named = {key.lower(): value for key, value in _PARAMETER.findall(_text(head))}
        if "name" not in named:
            raise _spoilt()
        if "filename" not in named:
            fields[named["name"]] = clean(_text(content))
        elif named["filename"] or content:
            files.append(File(_file_name(named["filename"]), _media_type(lines.get("content-type", "")), content))
    if len(files) > FILES:
        raise HTTPException(413, f"At most {FILES} files can be sent at once.")
    return Sent(fields, tuple(files))


def _file_name(name: str) -> str:
    for escaped, sign in _ESCAPED:
        name = name.replace(escaped, sign)
    return clean(re.split(r"[/\\]", name)[-1])[:_NAME_CHARACTERS].strip() or "file"


def _media_type(given: str) -> str:
    return given if _MEDIA_TYPE.fullmatch(given) else "application/octet-stream"


def clean(text: str) -> str:
    """Text as it can be stored: lines end in one way, and what no database takes is replaced."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "\ufffd")


def _text(content: bytes) -> str:
    return content.decode(errors="replace")


def _spoilt() -> HTTPException:
    return HTTPException(400, "What was sent cannot be read.")
