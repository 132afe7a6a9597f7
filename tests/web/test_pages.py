"""What pages show and do without any script: forms post, answers are pages, and nothing is lost on the way."""

import asyncio
import html
import json
import re
from datetime import timedelta
from typing import Any

import pytest

from adapters.local.playground.reading import PAGE_POSTS
from adapters.local.playground.seed import WORKSPACE, seed
from tests.bot.turns.steering import Steered
from tests.contract.conftest import until
from tests.web.asking import Answer, Browser
from tests.web.stage import DOT, Stage, playing

JSON = {"accept": "application/json"}


def words(answer: Answer) -> str:
    """A page's text."""
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", answer.text).split()))


async def say(browser: Browser, person: str, channel: str, text: str, **more: str) -> Answer:
    token = await browser.token(person)
    return await browser.post(f"/as/{person}/in/{channel}/say", {"csrf": token, "text": text, **more})


# Reading


async def test_the_first_page_is_somebodys_conversation_with_the_bot(browser: Browser) -> None:
    first = await browser.get("/")
    assert (first.status, first.headers["location"]) == (303, "/as/ada/in/@ada")
    page = await browser.get("/as/ada/in/@ada")
    assert "<title>Threadkeeper · Ada · Playground</title>" in page.text
    assert "Ada and Threadkeeper" in page.text
    assert "What can you do for me?" in page.text


async def test_each_sees_her_own_places_and_the_rest_is_absent(browser: Browser) -> None:
    seen = {}
    for person in ("ada", "grace", "noor"):
        page = await browser.get(f"/as/{person}/in/@{person}")
        seen[person] = sorted(set(re.findall(rf'href="/as/{person}/in/([^"]+)"', page.text)))
    assert seen == {
        "ada": ["@ada", "general", "support"],
        "grace": ["@grace", "general", "leads", "support"],
        "noor": ["@noor", "support"],
    }
    absent = await browser.get("/as/ada/in/nothing")
    for path in ("/as/ada/in/leads", "/as/noor/in/general", "/as/ada/in/@grace", "/as/nobody/in/general"):
        answer = await browser.get(path)
        assert (answer.status, answer.body) == (absent.status, absent.body) == (404, absent.body)


async def test_who_can_read_a_place_is_named(browser: Browser) -> None:
    support = words(await browser.get("/as/ada/in/support"))
    assert "Everybody in the workspace guests too" in support
    assert "Ada Chen Grace Noor" in support
    leads = words(await browser.get("/as/lin/in/leads"))
    assert "2 members and Threadkeeper" in leads
    assert "Grace Lin" in leads


async def test_roles_are_shown(browser: Browser) -> None:
    people = words(await browser.get("/people"))
    for card in ("Ada member", "Béla member", "Grace supervisor", "Lin administrator", "Noor guest"):
        assert card in people
    assert "Side by side" in (await browser.get("/as/grace/in/@grace")).text
    assert "Side by side" not in (await browser.get("/as/ada/in/@ada")).text


async def test_two_persons_stand_side_by_side(browser: Browser) -> None:
    page = await browser.get("/side-by-side?left=grace&right=ada")
    assert 'src="/as/grace/in/@grace" title="What Grace sees"' in page.text
    assert 'src="/as/ada/in/@ada" title="What Ada sees"' in page.text


async def test_older_posts_come_by_page(stage: Stage, browser: Browser) -> None:
    for number in range(PAGE_POSTS + 3):
        await stage.say("bela", f"Number {number}.", "general")
    newest = await browser.get("/as/ada/in/general")
    assert "Number 3." in newest.text
    assert "Number 2." not in newest.text
    (link,) = re.findall(r'href="([^"]*before=[^"]*)"', newest.text)
    older = await browser.get(html.unescape(link))
    assert [number for number in range(5) if f"Number {number}." in older.text] == [0, 1, 2]
    assert "Older messages" not in older.text
    assert "data-live" not in older.text
    assert "Back to the newest" in older.text


async def test_what_others_said_elsewhere_is_new_until_it_is_seen(stage: Stage, browser: Browser) -> None:
    await browser.get("/as/ada/in/@ada")
    await stage.say("bela", "Morning", "general")
    new = '<span class="new">new</span>'
    assert (await browser.get("/as/ada/in/@ada")).text.count(new) == 1
    assert new not in (await browser.get("/as/bela/in/@bela")).text
    assert new not in (await browser.get("/as/ada/in/general")).text
    assert new not in (await browser.get("/as/ada/in/@ada")).text


async def test_somebody_who_left_cannot_be_spoken_as_and_is_marked(stage: Stage, browser: Browser) -> None:
    await stage.say("chen", "So long", "general")
    await stage.local.leave_workspace(WORKSPACE, "chen")
    assert (await browser.get("/as/chen/in/@chen")).status == 403
    assert "Chen left" in words(await browser.get("/as/ada/in/general"))
    assert "Chen member" not in words(await browser.get("/people"))


async def test_an_archived_channel_can_be_read_only(stage: Stage, browser: Browser) -> None:
    post = await stage.say("ada", "Once", "general")
    await stage.local.archive(WORKSPACE, "general")
    page = await browser.get("/as/ada/in/general")
    assert "nobody can write here" in page.text
    assert "<textarea" not in page.text
    assert f"{post}/delete" not in page.text
    assert (await say(browser, "ada", "general", "Again")).status == 422
    edited = await browser.post(f"/as/ada/posts/{post}/edit", {"csrf": await browser.token(), "text": "Twice"})
    assert "The channel is archived." in edited.text
    assert [one.text for one in await stage.seen("ada", "general")] == ["Once"]


async def test_seeding_again_changes_nothing(stage: Stage) -> None:
    await stage.local.settle(WORKSPACE, "ada", "Ada Lovelace")
    await stage.local.leave(WORKSPACE, "general", "bela")
    await seed(stage.local)
    people = {one.name: one.shown_name for one in await stage.local.people(WORKSPACE)}
    assert people["ada"] == "Ada Lovelace"


# Saying


async def test_a_question_is_answered_on_the_next_page(stage: Stage, browser: Browser) -> None:
    answer = await say(browser, "ada", "@ada", "What is new?")
    assert (answer.status, answer.headers["location"]) == (303, "/as/ada/in/@ada")
    await stage.said("ada", "An answer.")
    page = words(await browser.get("/as/ada/in/@ada"))
    assert page.index("What is new?") < page.index("An answer.")
    assert "AI" in page


async def test_a_mention_leads_into_the_thread_below_it(stage: Stage, browser: Browser) -> None:
    answer = await say(browser, "ada", "general", "So, @Keeper: what now?")
    (root,) = [post.id for post in await stage.seen("ada", "general", root="")]
    assert answer.headers["location"] == f"/as/ada/in/general?thread={root}"
    await stage.said("ada", "An answer.", "general")
    assert "An answer." in (await browser.get(answer.headers["location"])).text
    top = await browser.get("/as/bela/in/general")
    assert "An answer." not in top.text
    assert "1 reply" in top.text
    within = await say(browser, "ada", "general", "And then?", root=root)
    assert within.headers["location"] == answer.headers["location"]
    plain = await say(browser, "ada", "general", "mail ada@keeper.example about it")
    assert plain.headers["location"] == "/as/ada/in/general"


async def test_a_thread_is_one_of_its_own_channel_and_counts_what_its_reader_sees(
    stage: Stage, browser: Browser
) -> None:
    root = await stage.say("ada", "Top", "general")
    reply = await stage.say("ada", "Below", "general", root=root)
    await stage.local.command(WORKSPACE, "general", "ada", "help", {}, root=root)
    await stage.said("ada", "help ran", "general")
    for channel, thread in (("general", reply), ("support", root)):
        assert (await browser.get(f"/as/ada/in/{channel}?thread={thread}")).status == 404
    assert "2 replies" in (await browser.get("/as/ada/in/general")).text
    assert "1 reply" in (await browser.get("/as/bela/in/general")).text
    assert "help ran" not in (await browser.get(f"/as/bela/in/general?thread={root}")).text


@pytest.mark.parametrize("text", ["", "   ", "x" * 100_001, "/nothing", "/", "/history frobnicate:3 since:never",
                                  "/history since:never", "/history colour:blue", "/help me now"])  # fmt: skip
async def test_what_cannot_be_said_comes_back_with_a_sentence(stage: Stage, browser: Browser, text: str) -> None:
    answer = await say(browser, "ada", "@ada", text)
    assert answer.status == 422
    assert 'aria-invalid="true"' in answer.text
    if len(text) < 1_000:
        assert f">\n{html.escape(text)}</textarea>" in answer.text
    assert re.search(r'role="alert">[A-Z/a-z][^<]+\.<', answer.text)
    assert stage.heard == []
    assert await stage.seen("ada") == []


async def test_commands_are_parsed_and_run_where_they_were_typed(stage: Stage, browser: Browser) -> None:
    answer = await say(browser, "ada", "@ada", '/history @bela since:2026-11-01 words:"red boats" colour:green')
    assert answer.status == 303
    await stage.said("ada", "history ran")
    (heard,) = stage.heard
    assert (heard.command, heard.place.place_id) == ("history", "@ada")
    assert heard.arguments == {
        "person": "local:playground:bela", "since": "2026-11-01", "words": "red boats", "colour": "green",
    }  # fmt: skip
    assert "Only you can see this" in (await browser.get("/as/ada/in/@ada")).text


async def test_a_private_answer_is_seen_by_its_asker_alone(stage: Stage, browser: Browser) -> None:
    await say(browser, "ada", "general", "/help")
    await stage.said("ada", "help ran", "general")
    assert "help ran" in (await browser.get("/as/ada/in/general")).text
    assert "help ran" not in (await browser.get("/as/bela/in/general")).text


async def test_without_the_bot_words_are_kept_and_commands_are_not(url: str) -> None:
    async with playing(url, bot=False) as stage:
        browser = Browser(stage)
        assert "is not running at the moment" in (await browser.get("/as/ada/in/@ada")).text
        assert (await say(browser, "ada", "@ada", "Later then")).status == 303
        answer = await say(browser, "ada", "@ada", "/help")
        assert (answer.status, "The bot does not run." in answer.text) == (422, True)
    async with playing(url) as stage:
        await stage.said("ada", "An answer.")


# Posts


async def _shown(stage: Stage, person: str = "ada") -> Any:
    await stage.local.command(WORKSPACE, f"@{person}", person, "show", {})
    return await stage.said(person, "All of it.")


async def test_own_words_are_changed_and_deleted_and_others_are_not(stage: Stage, browser: Browser) -> None:
    mine, hers = await stage.say("ada", "My word", "general"), await stage.say("bela", "Her word", "general")
    token = await browser.token()
    page = await browser.get(f"/as/ada/in/general?edit={mine}")
    assert re.search(r"<textarea[^>]*autofocus[^>]*>\s*My word</textarea>", page.text)
    assert "Her word</textarea>" not in (await browser.get(f"/as/ada/in/general?edit={hers}")).text
    edited = await browser.post(f"/as/ada/posts/{mine}/edit", {"csrf": token, "text": "My words"})
    assert (edited.status, edited.headers["location"]) == (303, "/as/ada/in/general")
    empty = await browser.post(f"/as/ada/posts/{mine}/edit", {"csrf": token, "text": " "})
    assert (empty.status, "Write something first." in empty.text) == (422, True)
    for act in ("edit", "delete"):
        other = await browser.post(f"/as/ada/posts/{hers}/{act}", {"csrf": token, "text": "x", "confirmed": "1"})
        assert other.status in {403, 422}
    asked = await browser.post(f"/as/ada/posts/{mine}/delete", {"csrf": token})
    assert (asked.status, "Delete this message?" in asked.text) == (200, True)
    assert [one.text for one in await stage.seen("ada", "general")] == ["My words", "Her word"]
    gone = await browser.post(f"/as/ada/posts/{mine}/delete", {"csrf": token, "confirmed": "1"})
    assert gone.status == 303
    assert [one.text for one in await stage.seen("ada", "general")] == ["Her word"]


async def test_tables_pictures_and_files_of_the_bot_are_shown(stage: Stage, browser: Browser) -> None:
    post = await _shown(stage)
    page = await browser.get("/as/ada/in/@ada")
    assert '<th scope="col" dir="auto">Count</th>' in page.text
    assert "&lt;b&gt;béla&lt;/b&gt;" in page.text
    assert f'<img src="/as/ada/posts/{post.id}/pictures/1" alt="Questions by day"' in page.text
    assert '<td dir="auto">Monday</td>' in page.text
    picture = await browser.get(f"/as/ada/posts/{post.id}/pictures/1")
    assert (picture.headers["content-type"], picture.body) == ("image/png", DOT)
    # A file that is no picture is never shown as one.
    assert (await browser.get(f"/as/ada/posts/{post.id}/pictures/0")).status == 404
    csv = await browser.get(f"/as/ada/posts/{post.id}/files/0")
    assert (csv.body, csv.headers["content-disposition"]) == (b"a,b\n1,2\n", "attachment; filename*=UTF-8''report.csv")
    assert (await browser.get(f"/as/bela/posts/{post.id}/pictures/1")).status == 404


async def test_a_button_is_pressed_by_its_own_person_once_she_was_asked(stage: Stage, browser: Browser) -> None:
    post = await _shown(stage)
    press, forget = (button["token"] for button in post.extras["buttons"])
    path, token = f"/as/ada/posts/{post.id}/press", await browser.token()
    assert (await browser.post(path, {"csrf": token, "button": press})).status == 303
    await stage.said("ada", "pressed ran with {'n': '1'}")
    asked = await browser.post(path, {"csrf": token, "button": forget})
    assert "Really forget all?" in asked.text
    assert (await browser.post(path, {"csrf": token, "button": forget, "confirmed": "1"})).status == 303
    await stage.said("ada", "forgotten ran")


@pytest.mark.parametrize("spoil", ["forged", "other", "expired", "elsewhere", ""])
async def test_a_button_that_is_not_hers_does_nothing(stage: Stage, browser: Browser, spoil: str) -> None:
    await stage.local.command(WORKSPACE, "general", "ada", "show", {})
    post = await stage.said("ada", "All of it.", "general")
    button = post.extras["buttons"][0]["token"]
    person = "bela" if spoil == "other" else "ada"
    place = post.id
    if spoil == "elsewhere":
        place = (await _shown(stage)).id
    if spoil == "expired":
        stage.ahead[0] = timedelta(days=31)
    if spoil in {"forged", ""}:
        button = button[:-1] + ("A" if button[-1] != "A" else "B") if spoil else ""
    before = len(stage.heard)
    fields = {"csrf": await browser.token(person), "button": button}
    answer = await browser.post(f"/as/{person}/posts/{place}/press", fields)
    assert answer.status == 403
    assert "This button is not for you, or it has expired." in html.unescape(answer.text)
    assert len(stage.heard) == before


async def test_a_form_comes_back_whole_with_what_is_wrong_at_its_field(stage: Stage, browser: Browser) -> None:
    await say(browser, "ada", "@ada", "/ask")
    post = await stage.said("ada", "Look into a conversation")
    token, path = await browser.token(), f"/as/ada/posts/{post.id}/press"
    page = await browser.get("/as/ada/in/@ada")
    for piece in (
        '<option value="local:playground:bela">Béla</option>', '<option value="quality">Quality review</option>',
        'type="date"', 'value="as before" maxlength="20"', "She will see it.",
    ):  # fmt: skip
        assert piece in page.text
    fields = {
        "csrf": token, "button": post.extras["form"]["token"], "field.who": "local:playground:bela",
        "field.why": "", "field.from": "2026-11-01", "field.words": 'a "quoted" <word>', "field.note": "Two\nlines",
    }  # fmt: skip
    wrong = await browser.post(path, fields)
    assert wrong.status == 422
    assert re.search(r'id="field-main-[^"]+-2-problem" role="alert">Reason is missing\.<', wrong.text)
    assert '<option value="local:playground:bela" selected>' in wrong.text
    assert html.escape('a "quoted" <word>').replace("&quot;", "&#34;") in wrong.text
    assert "Two\nlines</textarea>" in wrong.text
    script = await browser.post(path, fields, **JSON)
    assert json.loads(script.body) == {"problem": "Reason is missing.", "field": "why"}
    assert [one.command for one in stage.heard] == ["ask"]
    assert (await browser.post(path, fields | {"field.why": "quality", "field.more": "x"})).status == 303
    await stage.said("ada", "sent ran")
    assert stage.heard[-1].arguments == {
        "who": "local:playground:bela", "why": "quality", "from": "2026-11-01", "words": 'a "quoted" <word>',
        "note": "Two\nlines", "kept": "yes",
    }  # fmt: skip


async def test_a_rating_stays_and_can_be_taken_back(stage: Stage, browser: Browser) -> None:
    await say(browser, "ada", "@ada", "What is new?")
    post = await stage.said("ada", "An answer.")

    async def rateable() -> bool:
        return bool([one for one in await stage.seen("ada") if one.extras.get("rateable")])

    await until(rateable)
    token, path = await browser.token(), f"/as/ada/posts/{post.id}/rate"
    pressed = r'aria-pressed="true" aria-label="([^"]+)"'
    for value, shown in (("good", ["Good answer"]), ("bad", ["Bad answer"]), ("none", [])):
        assert (await browser.post(path, {"csrf": token, "value": value})).status == 303
        assert re.findall(pressed, (await browser.get("/as/ada/in/@ada")).text) == shown
    assert (await browser.post(path, {"csrf": token, "value": "<b>"})).status == 422
    mine = next(one for one in await stage.seen("ada") if one.author)
    assert (await browser.post(f"/as/ada/posts/{mine.id}/rate", {"csrf": token, "value": "good"})).status == 422


async def test_an_answer_is_stopped(url: str) -> None:
    model = Steered([asyncio.Event(), "Never said."])
    async with playing(url, model) as stage:
        browser = Browser(stage)
        await say(browser, "ada", "@ada", "Think long")
        await until(lambda: model.at_work)

        async def offered() -> bool:
            return "is thinking" in (await browser.get("/as/ada/in/@ada")).text

        await until(offered)
        stopped = await browser.post("/as/ada/in/@ada/stop", {"csrf": await browser.token(), "root": ""})
        assert stopped.status == 303
        await until(lambda: not model.at_work)


# Completion


async def test_completion_offers_what_the_typist_may_run(browser: Browser) -> None:
    async def offered(person: str, text: str) -> list[str]:
        answer = await browser.get(f"/as/{person}/in/@{person}/complete?text={text}")
        return [one["label"] for one in json.loads(answer.body)]

    assert await offered("ada", "/") == ["/help", "/history", "/ask", "/show"]
    assert await offered("lin", "/ad") == ["/admin setup"]
    assert await offered("ada", "/history%20@b") == ["@bela"]
    assert await offered("ada", "hello") == []
    assert await offered("nobody", "/") == []
