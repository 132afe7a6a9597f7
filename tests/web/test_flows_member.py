"""The way of a member, of a guest, and of somebody who has no role, with the program as it is started in earnest."""

import json
import zipfile
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Download, Page, expect

from tests.web.conftest import OpenPage
from tests.web.house import House, answered, last, living_in, meet, press, say

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
PEOPLE = ("dora", "emil", "fay", "gus", "hana")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with living_in(tmp_path_factory.mktemp("house"), people=PEOPLE) as started:
        yield started


async def test_a_member_is_told_then_answered_and_finds_renames_takes_along_and_forgets_it(
    house: House, open_page: OpenPage
) -> None:
    page = await open_page(house.at("dora"))
    await page.get_by_role("button", name="What can you do for me?").click()
    told = await answered(page, "I keep what you write to me for 90 days")
    await expect(told).to_contain_text("Your direct messages: you and the supervisor Grace.")
    await expect(told).not_to_contain_text("local:playground")
    assert house.server.requests == []  # nothing went anywhere before she knew

    house.model.answers |= {"What can you do": "Keeping *threads* apart.", "Molly": "Two knots."}
    await press(page, "Continue")
    await expect(page.locator(".by-bot .words").filter(has_text="Keeping threads apart.")).to_have_count(1)
    await say(page, "How do I tie up Molly?")
    await answered(page, "Two knots.")

    await say(page, "/history")
    await answered(page, "Your conversations (1)")
    await press(page, "1")
    opened = await answered(page, "How do I tie up Molly?")
    await expect(opened).to_contain_text("Keeping *threads* apart.")  # as it was written
    await press(page, "Rename…")
    form = page.get_by_role("form", name="Rename the conversation")
    await form.get_by_label("Title").fill("Boats & <b>knots</b>")
    await form.get_by_role("button", name="Rename").click()
    await answered(page, "It is called “Boats & <b>knots</b>” now.")

    await say(page, "/export")
    await expect(last(page).get_by_role("link")).to_have_count(1)
    async with page.expect_download() as waited:
        await last(page).get_by_role("link").click()
    assert await exported(await waited.value) == ["What can you do for me?", "How do I tie up Molly?"]

    await forget_everything(page)
    await say(page, "/history")
    await answered(page, "You have no conversations yet.")
    await say(page, "Do you know me?")
    await answered(page, "I keep what you write to me for 90 days")  # she is somebody new


async def exported(download: Download) -> list[str]:
    """What she said, by the file that she took along."""
    with zipfile.ZipFile(await download.path()) as taken:
        data = json.loads(taken.read("my-data.json"))
        assert "How do I tie up Molly?" in taken.read("my-data.md").decode()
    assert data["format"] == "threadkeeper-own-data"
    return [one["text"] for each in data["conversations"] for one in each["messages"] if one["role"] == "user"]


async def forget_everything(page: Page) -> None:
    await say(page, "/forget")
    await press(page, "Everything")
    await press(page, "Forget everything…")
    form = page.get_by_role("form", name="Forget everything")
    word = form.get_by_label("Type FORGET")
    await word.fill("forgive")
    await form.get_by_role("button", name="Forget everything").click()
    await answered(page, "Nothing was forgotten: the word is FORGET.")
    await word.fill("forget")
    await form.get_by_role("button", name="Forget everything").click()
    await answered(page, "Certificate of erasure")


async def test_what_is_said_off_the_record_is_answered_and_gone(house: House, open_page: OpenPage) -> None:
    page = await open_page(house.at("emil"))
    await meet(page, "Hello, I am Emil")
    house.model.answers["shoes"] = "Between us, then."
    await say(page, "off the record: my shoes are red")
    await answered(page, "Between us, then.")
    await say(page, "/history words:shoes")
    await answered(page, "Nothing was found for “shoes”.")
    await say(page, "/history words:Emil")
    await answered(page, "Found for “Emil” (1)")


async def test_who_keeps_nothing_is_answered_all_the_same(house: House, open_page: OpenPage) -> None:
    page = await open_page(house.at("fay"))
    house.model.answers["answer me"] = "Gladly."
    await say(page, "Will you answer me?")
    await press(page, "Don't keep mine")
    await expect(page.locator(".by-bot .words").filter(has_text="Gladly.")).to_have_count(1)
    await say(page, "/history")
    await answered(page, "You have no conversations yet.")


async def test_a_guest_is_answered_where_she_is_and_sees_no_more(house: House, open_page: OpenPage) -> None:
    page = await open_page(house.at("noor"))
    await expect(page.locator("#sidebar")).to_contain_text("guest")
    assert [await one.inner_text() for one in await page.locator("#sidebar .name").all()] == ["support"]
    await meet(page, "May I ask something?")
    await say(page, "/help")
    shown = await answered(page, "What I can do here")
    await expect(shown).not_to_contain_text("admin")
    await page.goto(house.at("noor", "leads"))
    await expect(page.get_by_role("heading", name="That did not work")).to_be_visible()
    await page.goto(house.at("noor", "support"))
    await page.fill("#text-main", "@keeper who is there?")
    await page.locator("#text-main").press("Enter")
    await expect(page.locator("#posts-thread .by-bot").last).to_contain_text("answer of the model")


async def test_who_has_no_role_is_refused_in_words_and_cannot_use_the_words_of_admins(
    house: House, open_page: OpenPage
) -> None:
    page = await open_page(house.at("gus"))
    await meet(page)
    await say(page, "/history @dora")
    await answered(page, "Only supervisors can open other people's conversations here. Yours: history.")
    for command in ("/admin audit", "/admin settings", "/admin roles"):
        await say(page, command)
        await answered(page, "There is no such command here")
    await page.fill("#text-main", "/ad")
    await expect(page.locator("#completions-main li")).to_have_count(0)


async def test_a_member_needs_no_mouse(house: House, open_page: OpenPage) -> None:
    page = await open_page(house.at("hana"))
    keys = page.keyboard
    await expect(page.locator("#text-main")).to_be_focused()
    await keys.type("Where do boats sleep?")
    await keys.press("Enter")
    await answered(page, "waits until you choose")
    await back_to(page, "Continue")
    await keys.press("Enter")
    await expect(page.locator(".by-bot .words").filter(has_text="answer of the model")).to_have_count(1)

    await page.locator("#text-main").focus()
    await keys.type("/hist")
    await expect(page.locator("#completions-main li").first).to_be_visible()
    await keys.press("Tab")
    await keys.press("Enter")
    await answered(page, "Your conversations (1)")
    await back_to(page, "1")
    await keys.press("Space")
    await answered(page, "Where do boats sleep?")
    await page.locator("#text-main").focus()
    await back_to(page, "Rename…")
    await keys.press("Enter")
    # The form that was asked for is filled in next.
    await expect(page.get_by_label("Title")).to_be_focused()
    await keys.press("Control+A")
    await keys.type("Harbours")
    await keys.press("Enter")
    await answered(page, "It is called “Harbours” now.")


async def back_to(page: Page, name: str) -> None:
    """Shift+Tab until the newest button of that name has the focus."""
    for _ in range(40):
        await page.keyboard.press("Shift+Tab")
        if await page.evaluate("document.activeElement.innerText.trim()") == name:
            return
    raise AssertionError(f"the keyboard does not reach {name!r}")
