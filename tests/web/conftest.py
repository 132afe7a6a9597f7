"""A playground with its bot, and a browser without a window."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser as Chromium
from playwright.async_api import BrowserContext, Dialog, Page, async_playwright, expect

from tests.web.asking import Browser
from tests.web.stage import Stage, playing

OpenPage = Callable[..., Awaitable[Page]]
#: A page may take this long on a machine that is busy with other tests.
PATIENCE = 30_000
expect.set_options(timeout=PATIENCE)


@pytest.fixture
def engine() -> str:
    """Pages ask nothing of a database that is not asked, on both engines, where the local platform is tested."""
    return "sqlite"


@pytest.fixture
async def stage(url: str) -> AsyncIterator[Stage]:
    async with playing(url) as opened:
        yield opened


@pytest.fixture
async def browser(stage: Stage) -> Browser:
    return Browser(stage)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Chromium]:
    """The system's Chromium, one for all tests of a file."""
    found = [path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))]
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=found[0])
        try:
            yield opened
        finally:
            await opened.close()


@pytest_asyncio.fixture(loop_scope="module")
async def open_page(chromium: Chromium) -> AsyncIterator[OpenPage]:
    """Opens pages, each in a browser of its own; afterwards none may have had an error, a dialog or a breach."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    async def open_one(url: str, **options: Any) -> Page:
        context = await chromium.new_context(reduced_motion="reduce", **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = await context.new_page()

        async def refuse(dialog: Dialog) -> None:
            problems.append(f"dialog: {dialog.message}")
            await dialog.dismiss()

        page.on("dialog", refuse)
        page.on("pageerror", lambda error: problems.append(f"error: {error}"))
        # What the server refuses, and a server that is away, are told so in the console too: those are no breaches.
        page.on(
            "console", lambda said: problems.append(said.text) if "Content Security" in said.text else None
        )  # fmt: skip
        await page.goto(url)
        return page

    yield open_one
    for context in contexts:
        await context.close()
    assert problems == []
