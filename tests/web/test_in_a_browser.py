"""The playground as people use it: in a browser, by mouse and by keyboard, small and large, light and dark."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from playwright.async_api import expect

from adapters.local.playground.seed import WORKSPACE
from bot.chat import Button, Field, File, Form, Invocation, PersonRef, Reply, Table
from bot.errors import NotFound
from tests.bot.agent.talking import Pausing, Playing, saying
from tests.bot.turns.steering import Steered
from tests.contract.conftest import until
from tests.web.conftest import OpenPage
from tests.web.looking import STRANGE, broken_rules
from tests.web.payloads import PAYLOADS
from tests.web.stage import Stage, playing

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
SMALL = {"width": 360, "height": 740}


@pytest.fixture
def engine() -> str:
    """What the pages read is tested on both engines without a browser."""
    return "sqlite"


@pytest_asyncio.fixture(loop_scope="module")
async def opened(url: str) -> AsyncIterator[Stage]:
    async with playing(url) as stage:
        yield stage


# Each role's main way


async def test_a_member_gets_an_answer_at_one_click(opened: Stage, open_page: OpenPage) -> None:
    page = await open_page(opened.url)
    await page.get_by_role("button", name="What can you do for me?").click()
    await expect(page.locator(".post.by-bot .words")).to_have_text("An answer.")
    await expect(page.locator("#empty h2")).to_have_count(0)
    await expect(page.locator("#told")).to_have_text("Threadkeeper: An answer.")


async def test_an_answer_grows_before_ones_eyes_and_is_read_out_once(url: str, open_page: OpenPage) -> None:
    model = Pausing()
    async with playing(url, model) as stage:
        page = await open_page(stage.at("ada"))
        await page.fill("#text-main", "Tell me")
        await page.keyboard.press("Enter")
        await expect(page.locator(".by-bot .words")).to_have_text("So far")
        await expect(page.locator("#below-main")).to_contain_text("Threadkeeper is writing")
        await expect(page.locator("#told")).to_have_text("")
        model.may_go_on.set()
        await expect(page.locator(".by-bot .words")).to_have_text("So far and further.")
        await expect(page.locator("#told")).to_have_text("Threadkeeper: So far and further.")
        await expect(page.locator("#below-main")).not_to_contain_text("writing")


async def test_an_answer_is_stopped_and_rated(url: str, open_page: OpenPage) -> None:
    async with playing(url, Steered(["So far", asyncio.Event()], ["Another."])) as stage:
        page = await open_page(stage.at("ada"))
        await page.fill("#text-main", "Tell me")
        await page.keyboard.press("Enter")
        await expect(page.locator(".by-bot .words")).to_have_text("So far")
        await page.get_by_role("button", name="Stop").click()
        await expect(page.locator(".by-bot .words")).to_contain_text("Stopped, as you asked")
        await page.fill("#text-main", "Again")
        await page.keyboard.press("Enter")
        good = page.locator(".post", has_text="Another.").get_by_role("button", name="Good answer")
        await good.click()
        await expect(good).to_have_attribute("aria-pressed", "true")
        await expect(good).to_be_focused()


async def test_two_people_see_each_other_in_a_channel_and_its_thread(opened: Stage, open_page: OpenPage) -> None:
    ada, bela = await open_page(opened.at("ada", "general")), await open_page(opened.at("bela", "general"))
    await ada.fill("#text-main", "@keeper what is new?")
    await ada.keyboard.press("Enter")
    await expect(ada.locator("#posts-thread .by-bot .words")).to_have_text("An answer.")
    await bela.get_by_role("link", name="1 reply to Ada").click()
    await expect(bela.locator("#posts-thread .by-bot .words")).to_have_text("An answer.")
    await bela.fill("#text-thread", "Good to know")
    await bela.keyboard.press("Enter")
    await expect(ada.locator("#posts-thread")).to_contain_text("Good to know")
    await bela.keyboard.press("Escape")
    await expect(bela.locator("aside.thread")).to_have_count(0)
    # Elsewhere it is marked as new.
    lin = await open_page(opened.at("lin"))
    await opened.say("ada", "And more", "general")
    await expect(lin.locator("#sidebar a", has_text="general")).to_contain_text("new")


async def test_own_words_are_changed_and_deleted(opened: Stage, open_page: OpenPage) -> None:
    await opened.say("ada", "Fisrt", "general")
    page, bela = await open_page(opened.at("ada", "general")), await open_page(opened.at("bela", "general"))
    post = page.locator("#posts-main .post")
    await post.hover()
    await post.get_by_role("link", name="Edit").click()
    box = page.get_by_label("Change your message")
    await expect(box).to_be_focused()
    await box.fill("First")
    await box.press("Enter")
    await expect(page.locator("#posts-main .words")).to_have_text("First")
    await expect(bela.locator("#posts-main .post")).to_contain_text("edited")
    await post.hover()
    await post.get_by_role("button", name="Delete").click()
    await page.locator("#ask").get_by_role("button", name="Cancel").click()
    await expect(post).to_have_count(1)
    await post.get_by_role("button", name="Delete").click()
    await page.locator("#ask").get_by_role("button", name="Delete").click()
    await expect(post).to_have_count(0)
    await expect(bela.locator("#posts-main .post")).to_have_count(0)


async def test_buttons_ask_and_forms_keep_what_was_written(opened: Stage, open_page: OpenPage) -> None:
    page = await open_page(opened.at("ada"))
    await opened.command("ada", "show")
    await page.get_by_role("button", name="Forget all").click()
    dialog = page.get_by_role("dialog", name="Really forget all?")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    assert [one.command for one in opened.heard] == ["show"]
    await page.get_by_role("button", name="Forget all").click()
    await dialog.get_by_role("button", name="Forget all").click()
    await expect(page.locator(".private .words")).to_contain_text("forgotten ran")

    await opened.command("ada", "ask")
    form = page.get_by_role("form", name="Look into a conversation")
    await form.get_by_label("Person").select_option("Béla")
    await form.get_by_label("Words").fill("boats")
    await form.get_by_role("button", name="Look").click()
    await expect(form.get_by_label("Reason")).to_be_focused()
    await expect(form.locator(".problem", has_text="Reason is missing.")).to_be_visible()
    await expect(form.get_by_label("Words")).to_have_value("boats")
    await form.get_by_label("Reason").select_option("Quality review")
    await form.get_by_label("From").fill("2026-11-01")
    await form.get_by_role("button", name="Look").click()
    await until(lambda: opened.heard[-1].command == "sent")
    assert opened.heard[-1].arguments == {
        "who": "local:playground:bela", "why": "quality", "from": "2026-11-01", "words": "boats", "note": "",
        "kept": "yes",
    }  # fmt: skip


async def test_another_persons_button_tells_so(opened: Stage, open_page: OpenPage) -> None:
    await opened.command("ada", "show", "general")
    page = await open_page(opened.at("bela", "general"))
    await page.get_by_role("button", name="Press me").click()
    await expect(page.locator(".problem", has_text="This button is not for you")).to_be_visible()
    assert [one.command for one in opened.heard] == ["show"]


async def test_a_supervisor_stands_beside_a_member(opened: Stage, open_page: OpenPage) -> None:
    page = await open_page(opened.at("grace"))
    await page.get_by_role("link", name="Side by side with somebody").click()
    await expect(page).to_have_title("Grace beside Ada · Playground")
    left, right = page.frame_locator("iframe").first, page.frame_locator("iframe").last
    await right.locator("#text-main").fill("Hello")
    await right.locator("#text-main").press("Enter")
    await expect(right.locator(".by-bot .words")).to_have_text("An answer.")
    await expect(left.locator("#head h1")).to_have_text("Threadkeeper")
    await expect(left.locator(".post")).to_have_count(0)


async def test_an_administrator_is_offered_her_commands(opened: Stage, open_page: OpenPage) -> None:
    page = await open_page(opened.at("lin"))
    await page.locator("#text-main").press_sequentially("/ad")
    await expect(page.locator("#completions-main li")).to_have_text([re.compile("/admin setup")])
    await page.keyboard.press("Tab")
    await expect(page.locator("#text-main")).to_have_value("/admin setup ")
    await page.keyboard.press("Enter")
    await expect(page.locator(".private")).to_contain_text("admin setup ran")
    await expect(page.locator(".private")).to_contain_text("Only you can see this")


async def test_files_go_in_and_come_out(opened: Stage, open_page: OpenPage) -> None:
    page = await open_page(opened.at("ada"))
    await page.set_input_files("input[type=file]", {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"Notes"})
    await expect(page.locator(".chosen")).to_have_text("notes.txt")
    await page.fill("#text-main", "Have a look")
    await page.keyboard.press("Enter")
    async with page.expect_download() as found:
        await page.get_by_role("link", name="notes.txt").click()
    download = await found.value
    assert download.suggested_filename == "notes.txt"
    assert (await download.path()).read_bytes() == b"Notes"
    await page.set_input_files(
        "input[type=file]", {"name": "big", "mimeType": "text/plain", "buffer": b"x" * 1_048_577}
    )
    await page.fill("#text-main", "These words stay")
    await page.keyboard.press("Enter")
    await expect(page.locator("#problem-main")).to_contain_text("at most 1,048,576 bytes")
    await expect(page.locator("#text-main")).to_have_value("These words stay")


# The keyboard


async def test_everything_is_done_by_keyboard(opened: Stage, open_page: OpenPage) -> None:
    page = await open_page(opened.url + "/people")
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("#text-main")).to_be_focused()
    await page.keyboard.type("One")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("two")
    await page.keyboard.press("Enter")
    await expect(page.locator(".mine .words")).to_have_text("One\ntwo", use_inner_text=True)
    await expect(page.locator(".by-bot .words")).to_have_text("An answer.")
    await expect(page.locator("#text-main")).to_have_value("")
    await expect(page.locator("#text-main")).to_be_focused()
    await page.keyboard.type("/hist")
    await expect(page.locator("#completions-main li")).to_have_count(1)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.keyboard.type("@b")
    await expect(page.locator("#completions-main li")).to_have_text([re.compile("@bela")])
    await page.keyboard.press("ArrowDown")
    active = await page.locator("#text-main").get_attribute("aria-activedescendant")
    await expect(page.locator(f"#{active}")).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Escape")
    await expect(page.locator("#completions-main")).to_be_hidden()
    await page.keyboard.press("Enter")
    await expect(page.locator(".private .words")).to_contain_text(
        "history ran with {'person': 'local:playground:bela'}"
    )
    seen = set()
    for _ in range(60):
        await page.keyboard.press("Tab")
        seen.add(await page.evaluate(_FOCUSED))
    assert {"Skip to the conversation", "Delete", "Edit", "Good answer", "Send", "Béla", "# general"} <= seen
    assert "no outline" not in " ".join(sorted(seen))


_FOCUSED = """() => {
    const one = document.activeElement, style = getComputedStyle(one), box = one.closest('.composer form, .attach');
    const shown = style.outlineStyle !== 'none' || (box && getComputedStyle(box).boxShadow !== 'none')
        || (one.type === 'file') || one === document.body;
    const name = (one.getAttribute('aria-label') || one.innerText || '').trim().replace(/\\s+/g, ' ');
    const tidy = name.replace(/^[A-Z] (?=.)/, '').replace(/ new$/, '');
    return shown ? tidy : 'no outline: ' + one.outerHTML.slice(0, 100);
}"""


# Looks


async def _everything(stage: Stage) -> dict[str, str]:
    """The address of every kind of page, with something on it."""
    await stage.say("bela", "Morning\n\n| a | b |\n|-|-|\n| 1 | 2 |\n\n`code` and " + "long" * 60, "general")
    root = await stage.say("ada", "@keeper what is new?", "general")
    await stage.said("ada", "An answer.", "general")
    await stage.say("ada", "Hello")
    await stage.said("ada", "An answer.")
    for command in ("show", "ask"):
        await stage.command("ada", command)
    await stage.said("ada", "Look into")
    mine = next(post.id for post in await stage.seen("ada") if post.author)
    return {
        "people": f"{stage.url}/people",
        "direct": stage.at("ada"),
        "empty": stage.at("chen"),
        "channel": stage.at("ada", "general"),
        "thread": stage.at("ada", "general", thread=root),
        "edit": stage.at("ada", edit=mine),
        "absent": stage.at("ada", "leads"),
        "side": f"{stage.url}/side-by-side?left=grace&right=ada",
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_keeps_the_rules_of_accessibility(opened: Stage, open_page: OpenPage, scheme: str) -> None:
    found = {}
    page = await open_page(f"{opened.url}/people", color_scheme=scheme)
    for name, address in (await _everything(opened)).items():
        await page.goto(address)
        found[name] = await broken_rules(page)
    await page.goto(opened.at("ada"))
    await page.locator(".readers summary").click()
    await page.fill("#text-main", "/")
    await expect(page.locator("#completions-main li").first).to_be_visible()
    found["open"] = await broken_rules(page)
    await page.get_by_role("button", name="Forget all").click()
    found["dialog"] = await broken_rules(page)
    assert found == {name: [] for name in found}


@pytest.mark.parametrize("with_script", [True, False])
async def test_nothing_is_wider_than_a_small_screen(opened: Stage, open_page: OpenPage, with_script: bool) -> None:
    page = await open_page(f"{opened.url}/people", viewport=SMALL, java_script_enabled=with_script)
    for name, address in (await _everything(opened)).items():
        await page.goto(address)
        wide = await page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth]")
        assert max(wide) <= SMALL["width"], name


async def test_small_screens_reach_every_place(opened: Stage, open_page: OpenPage) -> None:
    page = await open_page(opened.at("ada"), viewport=SMALL)
    await expect(page.locator(".menu-body")).to_be_hidden()
    await page.locator(".menu summary").click()
    await page.get_by_role("link", name="general").click()
    await expect(page).to_have_title("#general · Ada · Playground")
    await page.fill("#text-main", "@keeper hello")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator("#posts-thread .by-bot .words")).to_have_text("An answer.")
    await page.get_by_role("link", name="Close the thread").click()
    await expect(page.locator("#text-main")).to_be_visible()


async def test_it_works_without_the_script(opened: Stage, open_page: OpenPage) -> None:
    page = await open_page(opened.at("ada"), java_script_enabled=False)
    await page.fill("#text-main", "Hello")
    await page.get_by_role("button", name="Send").click()
    await opened.said("ada", "An answer.")
    await page.reload()
    await expect(page.locator(".by-bot .words")).to_have_text("An answer.")
    await page.locator(".mine").hover()
    await page.get_by_role("button", name="Delete").click()
    await expect(page.get_by_role("heading", name="Delete this message?")).to_be_visible()
    await page.get_by_role("button", name="Delete").click()
    await expect(page.locator(".mine")).to_have_count(0)


# Texts from outside


async def test_no_text_from_outside_is_more_than_text(url: str, open_page: OpenPage) -> None:
    async def hostile(invocation: Invocation) -> None:
        # All that a reply and a form can hold, each piece a payload.
        pool = iter(PAYLOADS * 4)
        table = Table((next(pool), next(pool)), tuple((one, one) for one in PAYLOADS))
        buttons = tuple(Button(one, "x", {"a": one}, confirm=one) for one in PAYLOADS[:8])
        files = tuple(File(one, one, b"<script>alert(1)</script>") for one in PAYLOADS)
        await invocation.responder.public(Reply("\n\n".join(PAYLOADS), buttons, files, table))
        fields = [
            Field(f"f{number}", one, kind, value=one, hint=one, choices=((one, one),))
            for number, one in enumerate(PAYLOADS)
            for kind in ("text", "long_text", "choice")
        ]
        await invocation.responder.form(Form(PAYLOADS[0], "x", tuple(fields), submit=PAYLOADS[1]))

    model = Playing(saying("\n\n".join(PAYLOADS)))
    async with playing(url, model, invoke=hostile, messages_per_minute=None) as stage:
        requested: list[str] = []
        page = await open_page(stage.at("ada"))
        page.on("request", lambda request: requested.append(request.url))
        await page.evaluate(
            "document.addEventListener('securitypolicyviolation', (e) => { window.breach = e.blockedURI; })"
        )
        for number, payload in enumerate(PAYLOADS):
            await stage.local.settle(WORKSPACE, f"p{number}", payload)
            await stage.local.join(WORKSPACE, "general", f"p{number}")
            await stage.say(
                f"p{number}", payload, "general", files=[File(payload.replace("\x00", ""), "text/html", b"x")]
            )
        direct = await stage.local.open_dm(PersonRef(f"local:{WORKSPACE}", f"local:{WORKSPACE}:ada"))
        await stage.local.conversation(direct).rename(PAYLOADS[0] + PAYLOADS[35])
        # Live, piece by piece, and whole pages.
        await page.fill("#text-main", PAYLOADS[3])
        await page.keyboard.press("Enter")
        await expect(page.locator(".by-bot .words").first).to_be_visible()
        await stage.command("ada", "show")
        await expect(page.get_by_role("form")).to_have_count(1)
        await expect(page.locator(".topic")).to_have_text(PAYLOADS[0] + PAYLOADS[35])
        for address in (
            stage.at("ada"),
            stage.at("ada", "general"),
            f"{stage.url}/people",
            f"{stage.url}/side-by-side",
        ):
            await page.goto(address)
            assert await page.evaluate("window.breach") is None
            strange = await page.evaluate(STRANGE)
            assert strange == []
        own = [one for one in requested if not one.startswith(stage.url)]
        assert own == []


# A restart


async def test_a_restart_in_the_middle_of_an_answer_is_seen_and_mended(url: str, open_page: OpenPage) -> None:
    async with playing(url, Steered(["So far", asyncio.Event()]), grace=timedelta(milliseconds=50)) as stage:
        port = stage.port
        page = await open_page(stage.at("ada"))
        await page.fill("#text-main", "Tell me a long story")
        await page.keyboard.press("Enter")
        await expect(page.locator(".by-bot .words")).to_have_text("So far")
        await page.fill("#text-main", "A draft")
    await expect(page.locator("#lost")).to_be_visible()
    await expect(page.locator("#lost")).to_have_text("Connection lost, trying again…")
    await page.keyboard.press("Enter")
    await expect(page.locator("#problem-main")).to_contain_text("please try again")
    await expect(page.locator("#text-main")).to_have_value("A draft")
    async with playing(url, Playing(saying("So far, and to its end.")), port=port) as stage:
        await expect(page.locator("#lost")).to_be_hidden()
        await expect(page.locator(".by-bot .words")).to_have_text(re.compile("to its end"))
        assert len([post for post in await stage.seen("ada") if not post.author]) == 1
        # The page was not loaded again, and what was being written is still there; its session holds.
        await expect(page.locator("#text-main")).to_have_value("A draft")
        await page.locator("#text-main").press("Enter")
        await expect(page.locator(".mine .words").last).to_have_text("A draft")


async def test_who_is_shut_out_is_told_so(opened: Stage, open_page: OpenPage) -> None:
    page = await open_page(opened.at("grace", "leads"))
    await opened.say("lin", "Between us", "leads")
    await expect(page.locator(".words")).to_have_text("Between us")
    await opened.local.leave(WORKSPACE, "leads", "grace")
    opened.news.tell(WORKSPACE, "leads")
    await expect(page.get_by_role("heading", name="That did not work")).to_be_visible()
    with pytest.raises(NotFound):
        await opened.seen("grace", "leads")
