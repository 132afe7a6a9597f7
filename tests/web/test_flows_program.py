"""The program and its pages over a restart, and with what was imported."""

import json
import re
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.model_server import Stream, frame, text
from tests.support_chat import Line, read_channel
from tests.web.conftest import OpenPage
from tests.web.house import answered, last, living_in, meet, press, say

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def test_an_answer_that_a_kill_cuts_off_comes_whole_and_once(tmp_path: Path, open_page: OpenPage) -> None:
    async with living_in(tmp_path) as house:
        page = await open_page(house.at("ada"))
        await meet(page, "Hello")
        half = (frame(role="assistant", content=""), *(frame(content=f"Word {number} ") for number in range(40)))
        house.server.script(Stream(half, ending="silence"), text("A tale, and its end."))
        await say(page, "Tell me a tale")
        await expect(page.locator(".by-bot .words").last).to_contain_text("Word 1")
        await page.fill("#text-main", "A draft")
        house.kill()
        await expect(page.locator("#lost")).to_be_visible()
        await house.start()
        await expect(page.locator("#lost")).to_be_hidden()
        told = page.locator(".by-bot .words").filter(has_text="A tale, and its end.")
        await expect(told).to_have_count(1)
        # The page was never loaded again; there is one answer to each question, in it as in what is kept.
        await expect(page.locator("#text-main")).to_have_value("A draft")
        await expect(page.locator(".by-bot .rating")).to_have_count(2)
        await expect(page.locator(".by-bot .words").filter(has_text="Word 1")).to_have_count(0)
        await page.reload()
        await expect(told).to_have_count(1)
        await expect(page.locator(".by-bot .rating")).to_have_count(2)


_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")


def hours(lines: tuple[Line, ...], person: str) -> dict[datetime, list[Line]]:
    """What was said in each hour in which a person spoke."""
    found: dict[datetime, list[Line]] = defaultdict(list)
    for line in lines:
        found[line.at.replace(minute=0, second=0)].append(line)
    return {hour: said for hour, said in found.items() if any(one.speaker == person for one in said)}


@pytest.mark.data
async def test_a_supervisor_pages_through_a_busy_persons_real_conversations(
    tmp_path: Path, data: Path, open_page: OpenPage
) -> None:
    lines = read_channel(data / "support_chat", "stripe.1").lines
    busy = Counter(line.speaker for line in lines).most_common(1)[0][0]
    conversations = hours(lines, busy)
    file = tmp_path / "stripe.jsonl"
    with file.open("w", encoding="utf-8") as out:
        for hour, said in conversations.items():
            for line in said:
                row = {
                    "thread_id": f"{hour:%d-%H}",
                    "resource_id": f"local:playground:{line.speaker.lower()}",
                    "name": line.speaker,
                    "role": "user",
                    "text": line.text,
                    "created_at": line.at.isoformat(),
                    "id": f"stripe-{line.number}",
                    "title": f"Hour {hour:%d %H}",
                    "place": {"kind": "public", "name": "#support"},
                }
                out.write(json.dumps(row) + "\n")
    # The program sets the workspace up, which says who may read; then comes what people had been told of elsewhere.
    async with living_in(tmp_path / "house", people={busy: busy}, RETENTION_DAYS="0") as house:
        await house.end()
        took = house.program.run(
            "import", str(file), "--whole-channels", "--yes", "--told", "--workspace", "local:playground"
        )
        assert took.code == 0, took.err
        await house.start()
        grace = await open_page(house.at("grace"))
        await say(grace, f"/history @{busy}")
        await grace.locator("form.form").last.get_by_label("Reason").select_option("Quality review")
        await grace.locator("form.form").last.get_by_role("button", name="Open").click()
        listed: list[str] = []
        while True:
            await answered(grace, f"Conversations of {busy} ({len(conversations)})")
            rows = await last(grace).locator(".words li").all_inner_texts()
            listed += [found[0] for row in rows if (found := _MOMENT.search(row))]
            if not await last(grace).get_by_role("button", name="More").count():
                break
            before = await grace.locator("#posts-main > .post").count()
            await press(grace, "More")
            await expect(grace.locator("#posts-main > .post")).to_have_count(before + 1)
        assert len(listed) == len(conversations) > 5
        assert sorted(listed) == sorted(f"{said[-1].at:%Y-%m-%d %H:%M}" for said in conversations.values())

        # The newest of them, page by page: her words are all there, and no other's are.
        newest = conversations[max(conversations)]
        await say(grace, f"/history @{busy}")
        await grace.locator("form.form").last.get_by_label("Reason").select_option("Quality review")
        await grace.locator("form.form").last.get_by_role("button", name="Open").click()
        await answered(grace, "Conversations of")
        await press(grace, "1")
        await answered(grace, "begun")
        own = [" ".join(one.text.split()) for one in newest if one.speaker == busy]
        shown = await _pages(grace)
        assert [one for one in own if one[:40] not in shown] == []
        for other in {one.speaker for one in newest} - {busy}:
            assert f"UTC, {other} " not in shown
        assert "another participant" in shown


async def _pages(grace: Page) -> str:
    """All pages of the transcript that is open."""
    pages = [await last(grace).inner_text()]
    while await last(grace).get_by_role("button", name="Earlier").count():
        before = await grace.locator("#posts-main > .post").count()
        await press(grace, "Earlier")
        await expect(grace.locator("#posts-main > .post")).to_have_count(before + 1)
        pages.append(await last(grace).inner_text())
    return " ".join(" ".join(pages).split())
