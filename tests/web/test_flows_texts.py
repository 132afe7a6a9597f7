"""Whatever people, models and settings say is text on every page that a command draws, and the pages can be used."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.web.conftest import OpenPage
from tests.web.house import House, answered, last, living_in, press, say
from tests.web.looking import STRANGE, broken_rules
from tests.web.payloads import PAYLOADS

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
NAME = "<img src=x onerror=alert(1)>"
TITLE = "<svg onload=alert(1)> [x](javascript:alert(1)) **"
NOTE = "\"><script>alert(1)</script> ![x](https://evil.example/pixel.png) '"
ALL = "\n\n".join(one for one in PAYLOADS if "\x00" not in one)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    people = {"hex": NAME}
    async with living_in(tmp_path_factory.mktemp("house"), people=people, OPERATOR_NAME=NOTE) as started:
        started.model.answers[""] = ALL
        yield started


async def harmless(page: Page) -> list[str]:
    """What is wrong with a page: strange markup, broken rules in the light or the dark, what is too wide."""
    found: list[str] = await page.evaluate(STRANGE)
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        found += [f"{scheme}: {one}" for one in await broken_rules(page)]
    wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return found + ([f"{wide} pixels too wide"] if wide > 0 else [])


async def test_hostile_words_stay_words_in_all_that_commands_draw(house: House, open_page: OpenPage) -> None:
    asked: list[str] = []
    hexa, grace, lin = [await open_page(house.at(one)) for one in ("hex", "grace", "lin")]
    for page in (hexa, grace, lin):
        page.on("request", lambda request: asked.append(request.url))
    await write_and_name(hexa)
    await read_and_search(grace)
    await put_into_settings(lin)
    await see_who_read_and_forget(hexa)
    # Loaded anew, small, and side by side.
    for page, person in ((hexa, "hex"), (grace, "grace"), (lin, "lin")):
        await page.set_viewport_size({"width": 360, "height": 740})
        await page.goto(house.at(person))
        assert await harmless(page) == []
    await grace.goto(f"{house.url}/side-by-side?left=grace&right=hex")
    assert await harmless(grace) == []
    assert [one for one in asked if not one.startswith(house.url)] == []


async def write_and_name(hexa: Page) -> None:
    """She is told, writes, gives her conversation a title, sends a file."""
    await say(hexa, ALL)
    await answered(hexa, "waits until you choose")
    assert await harmless(hexa) == []
    await press(hexa, "Continue")
    await expect(hexa.locator(".by-bot .rating")).to_have_count(1)
    file = {"name": NAME + ".html", "mimeType": "text/html", "buffer": b"<script>alert(1)</script>"}
    await hexa.set_input_files("input[type=file]", file)  # type: ignore[arg-type] # as it takes them
    await say(hexa, "A file")
    await expect(hexa.locator(".by-bot .rating")).to_have_count(2)
    await say(hexa, "/history")
    await press(hexa, "1")
    await press(hexa, "Rename…")
    await hexa.get_by_label("Title").fill(TITLE)
    await hexa.get_by_role("button", name="Rename", exact=True).click()
    await answered(hexa, f"It is called “{TITLE}” now.")
    assert await harmless(hexa) == []
    await say(hexa, "/history")
    await answered(hexa, TITLE)
    assert await harmless(hexa) == []


async def read_and_search(grace: Page) -> None:
    """A supervisor lists, opens and searches, with a note."""
    await say(grace, "/history @hex")
    form = grace.locator("form.form").last
    await form.get_by_label("Reason").select_option("Security")
    await form.get_by_label("Note").fill(NOTE)
    assert await harmless(grace) == []
    await form.get_by_role("button", name="Open").click()
    await answered(grace, TITLE)
    await press(grace, "1")
    await answered(grace, f"{NAME} sees that you looked")
    await expect(last(grace)).to_contain_text("<iframe src=javascript:alert(1)></iframe>")
    assert await harmless(grace) == []
    await say(grace, "/history @hex words:alert")
    form = grace.locator("form.form").last
    await form.get_by_label("Reason").select_option("Security")
    await form.get_by_role("button", name="Open").click()
    await expect(last(grace).locator("form")).not_to_have_count(0)
    await expect(last(grace)).to_contain_text("alert(1)")
    assert await harmless(grace) == []


async def see_who_read_and_forget(hexa: Page) -> None:
    """She sees who read, and is asked before something goes."""
    await say(hexa, "/privacy")
    await answered(hexa, "Somebody read your conversations with me:")
    await press(hexa, "Who has read")
    await answered(hexa, "security")
    assert await harmless(hexa) == []
    await say(hexa, "/privacy")
    await answered(hexa, "Contact")
    await press(hexa, "Forget…")
    await answered(hexa, "What shall I forget?")
    await press(hexa, "This conversation")
    await press(hexa, "Forget this conversation")
    await expect(hexa.get_by_role("dialog")).to_be_visible()
    assert await harmless(hexa) == []
    await hexa.locator("#ask").get_by_role("button", name="Cancel").click()


async def put_into_settings(lin: Page) -> None:
    """An admin sees what was done, and puts texts into the settings."""
    for group, label in (("Keeping, and questions…", "Who answers"), ("What the bot is like…", "What should the bot")):
        await say(lin, "/admin settings")
        await press(lin, group)
        await lin.locator("form.form").last.get_by_label(label).fill(NOTE)
        await lin.locator("form.form").last.get_by_role("button", name="Change").click()
        await answered(lin, NOTE)
    await press(lin, "History")
    await answered(lin, "History of the settings")
    await say(lin, "/admin audit")
    await answered(lin, NOTE)
    for command in ("/admin usage", "/admin roles", "/help"):
        await say(lin, command)
        await expect(last(lin)).not_to_contain_text(command)
    assert await harmless(lin) == []
