"""Files out: always as a download, but for pictures that the bot drew."""

from base64 import b64decode
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from adapters.local.playground.pages.naming import absent, number_in, person_in, post_in
from adapters.local.playground.playground import playground_of
from adapters.local.world_rows import LocalPost

_PNG = b"\x89PNG\r\n\x1a\n"


async def download(request: Request) -> Response:
    """A file of a post, to be kept."""
    post, number = await _named(request)
    if post.author:
        described = post.extras.get("attachments", ())
        contents = post.extras.get("contents", ())
    else:
        described = post.extras.get("files", ())
        contents = [one["content"] for one in described]
    if number >= len(described):
        raise absent()
    name = quote(described[number]["name"], safe="")
    disposition = f"attachment; filename*=UTF-8''{name}"
    headers = {"content-disposition": disposition, "content-security-policy": "default-src 'none'; sandbox"}
    return Response(b64decode(contents[number]), media_type="application/octet-stream", headers=headers)


async def picture(request: Request) -> Response:
    """A picture that the bot drew, shown in its post. Whatever people sent is never shown: it is theirs to open."""
    post, number = await _named(request)
    files = post.extras.get("files", ())
    if post.author or number >= len(files):
        raise absent()
    content = b64decode(files[number]["content"])
    if not content.startswith(_PNG):
        raise absent()
    headers = {"content-security-policy": "default-src 'none'; sandbox"}
    return Response(content, media_type="image/png", headers=headers)


async def _named(request: Request) -> tuple[LocalPost, int]:
    playground = playground_of(request)
    number = number_in(request.path_params["number"])
    post_id = post_in(request.path_params["post"])
    if number is None or not post_id:
        raise absent()
    return await playground.adapter.post(playground.workspace, post_id, person_in(request)), number
