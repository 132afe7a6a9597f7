"""The way of a supervisor and of an admin, with the program as it is started in earnest."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.web.conftest import OpenPage
from tests.web.house import House, answered, last, living_in, meet, press, say

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    people = ("dora", "emil", "fay", "gus", "ivo")
    async with living_in(tmp_path_factory.mktemp("house"), people=people) as started:
        yield started


async def fill_in(page: Page, reason: str = "Quality review", **fields: str) -> None:
    """Fill in the newest form that asks for a reason, and send it."""
    form = page.locator("form.form").last
    await form.get_by_label("Reason").select_option(reason)
    for label, value in fields.items():
        await form.get_by_label(label.capitalize()).fill(value)
    await form.get_by_role("button", name="Open").click()


def written_in(report: Path) -> str:
    return report.read_text(encoding="utf-8")


async def test_a_supervisor_reads_with_a_reason_and_the_person_sees_it(house: House, open_page: OpenPage) -> None:
    dora, grace = await open_page(house.at("dora")), await open_page(house.at("grace"))
    await meet(dora, "Where is the harbour?")
    house.model.answers["Who has the key"] = "The harbour master."
    await say(dora, "Who has the key?")
    await answered(dora, "The harbour master.")

    await say(grace, "/history @dora")
    form = grace.get_by_role("form", name="Open a person's conversations")
    await expect(form.get_by_label("Person")).to_have_value("local:playground:dora")
    # It stands there from its beginning, and what is missing has the focus.
    await expect(form.get_by_role("heading")).to_be_in_viewport()
    await expect(form.get_by_label("Reason")).to_be_focused()
    await form.get_by_role("button", name="Open").click()
    await expect(form.locator(".problem", has_text="Reason is missing.")).to_be_visible()
    await fill_in(grace, note="A spot check, <b>not for her</b>")
    listed = await answered(grace, "Conversations of Dora (1)")
    await expect(listed).to_contain_text("Reason: quality review. Dora sees that you looked, and this reason.")
    await press(grace, "1")
    opened = await answered(grace, "Who has the key?")
    for words in ("Where is the harbour?", "The harbour master.", "Reason: quality review."):
        await expect(opened).to_contain_text(words)
    await press(grace, "Export")
    await expect(last(grace).get_by_role("link").first).to_be_visible()
    async with grace.expect_download() as waited:
        await last(grace).get_by_role("link").first.click()
    assert "Where is the harbour?" in written_in(Path(await (await waited.value).path()))

    await say(dora, "/privacy")
    told = await answered(dora, "Somebody read your conversations with me:")
    await expect(told).to_contain_text(re.compile("Grace, .*, quality review: opened 1 conversation"))
    await expect(told.get_by_role("listitem").filter(has_text="Has read:")).to_contain_text("Grace")
    # One list says what happened, another what is kept.
    await expect(told.locator(".words > ul")).to_have_count(2)
    await expect(dora.locator("body")).not_to_contain_text("spot check")
    await say(dora, "/privacy")
    await expect(last(dora)).not_to_contain_text("Somebody read")


async def test_searching_finds_words_and_what_is_not_there_looks_like_what_may_not_be_read(
    house: House, open_page: OpenPage
) -> None:
    emil, grace = await open_page(house.at("emil")), await open_page(house.at("grace"))
    await meet(emil, "The red boat is Emil's")
    await say(grace, "/history @emil words:boat")
    await fill_in(grace, "Support request")
    await answered(grace, "The red boat is Emil's")
    for person in ("chen", "fay"):  # one who never spoke, one who does not exist for the bot
        await say(grace, f"/history @{person}")
        await fill_in(grace)
        await answered(grace, "Nothing to show. There may be no conversations")


async def test_who_lost_the_role_reads_nothing_more_also_by_an_old_button(house: House, open_page: OpenPage) -> None:
    gus, ivo, lin = [await open_page(house.at(one)) for one in ("gus", "ivo", "lin")]
    await meet(gus, "A word of Gus")
    await say(lin, "/admin roles")
    await press(lin, "Make a supervisor…")
    form = lin.get_by_role("form", name="Make somebody a supervisor")
    await form.get_by_label("Who", exact=True).select_option("Ivo")
    await form.get_by_role("button", name="Give the role").click()
    # Whom she may read was left out: that is asked again, and the rest is still there.
    await expect(lin.locator(".post", has_text="This form is closed.")).to_have_count(1)
    await expect(form.get_by_label("Who", exact=True)).to_have_value("local:playground:ivo")
    await form.get_by_label("May everyone's conversations be read?").select_option("yes")
    await form.get_by_role("button", name="Give the role").click()
    await answered(lin, "Ivo is a supervisor now")

    await say(ivo, "/history @gus")
    await fill_in(ivo)
    await answered(ivo, "Conversations of Gus (1)")
    await say(lin, "/admin roles")
    await answered(lin, re.compile("Ivo: supervisor"))
    rows = [await one.inner_text() for one in await last(lin).locator(".words li").all()]
    number = next(place for place, row in enumerate(rows, start=1) if row.startswith("Ivo"))
    await press(lin, str(number))
    await press(lin, "Take away supervisor")
    await lin.locator("#ask-yes").click()
    await answered(lin, re.compile("Ivo"))
    await press(ivo, "1")
    refused = re.compile("There is no such command here|Only supervisors can open")
    await expect(ivo.locator(".post").filter(has_text=refused)).to_have_count(1)
    await expect(ivo.locator(".post blockquote")).to_have_count(0)


async def test_an_admin_sets_up_changes_settings_and_looks_into_the_access_log(
    house: House, open_page: OpenPage
) -> None:
    lin = await open_page(house.at("lin"))
    await say(lin, "/admin setup")
    await answered(lin, "Setting up Threadkeeper in this workspace")
    await press(lin, "Keeping and contact…")
    form = lin.get_by_role("form", name="Keeping, and questions")
    await form.get_by_label(re.compile("^For how many days")).fill("4000")
    await form.get_by_label(re.compile("^Who answers")).fill("Lin, <i>desk 3</i>")
    await form.get_by_role("button", name="Change").click()
    # What is wrong comes back with what was written, and says so.
    await expect(form).to_contain_text("It can be at most 90, the operator's own.")
    await expect(form.get_by_label(re.compile("^Who answers"))).to_have_value("Lin, <i>desk 3</i>")
    await form.get_by_label(re.compile("^For how many days")).fill("30")
    await form.get_by_role("button", name="Change").click()
    await answered(lin, "Messages that are older than 30 days are deleted. That cannot be undone.")
    await press(lin, "Change it")
    await lin.locator("#ask-yes").click()
    await answered(lin, re.compile(r"Changed; this is version \d"))
    await say(lin, "/admin settings")
    shown = await answered(lin, "Messages are kept for: 30 days (chosen here)")
    await expect(shown).to_contain_text("“Lin, <i>desk 3</i>”")

    await say(lin, "/admin audit")
    log = await answered(lin, "The access log")
    await expect(log).to_contain_text("Lin (admin) changed settings")
    await expect(log).to_contain_text(re.compile(r"#\d+, .* Lin \(admin\)"))
    await expect(log.locator("ol")).to_have_count(0)
    await press(lin, "Verify…")
    await answered(lin, "The access log of this workspace is whole")
    await say(lin, "/admin usage")
    await expect((await answered(lin, "Usage of this workspace")).get_by_role("table")).to_be_visible()
    # Who administers supervises nobody by that.
    await say(lin, "/history @dora")
    await answered(lin, "Only supervisors can open other people's conversations here.")
