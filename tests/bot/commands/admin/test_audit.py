"""The access log and the usage, as admins see them."""

from sqlalchemy import Connection, update

from bot.storage.tables import audit
from tests.bot.commands.office import Office, buttons, office, person_id
from tests.bot.turns.team import wall_clock
from tests.bot.turns.test_rates import costing

WARNING = (
    "90 % of this workspace's daily budget for answers is used. When it is used up, nothing is answered before 00:00 "
    "UTC. `admin usage` shows what it went into; whoever runs me can raise it."
)


def entries(text: str) -> list[str]:
    return [line.partition("UTC: ")[2] for line in text.splitlines() if line.startswith("- ")]


async def test_entries_are_sentences_and_reading_them_is_one(url: str) -> None:
    async with office(url) as team:
        await team.say("bela", "@keeper hello", channel="general")
        await team.type("lin", "admin grant @ana role:supervisor reads:@bela")
        page = await team.type("lin", "admin audit")

        assert entries(page.text) == [
            "Lin (admin) read the access log",
            "Lin (admin) gave a role to Ana, note: supervisor: person Bela",
        ]
        again = await team.type("lin", "admin audit")
        assert len(entries(again.text)) == 3


async def test_it_is_read_page_by_page_and_each_is_recorded(url: str) -> None:
    async with office(url) as team:
        for number in range(23):
            await team.run("bela", "admin settings", {"contact": f"desk {number}"})
        page, seen = await team.type("lin", "admin audit"), []
        while True:
            seen += entries(page.text)
            if "Older" not in buttons(page):
                break
            page = await team.press("lin", page, "Older")

        assert seen == [
            "Lin (admin) read the access log",
            *["Bela (person) ran admin settings, **refused**" for _ in range(23)],
        ]
        done = await team.audit("action", "outcome")
        assert [one for one in done if one == ("audit read", "done")] == [("audit read", "done")] * 3


async def test_it_is_filtered(url: str) -> None:
    async with office(url) as team:
        await team.type("lin", "admin grant @ana role:admin")
        await team.type("lin", "admin grant @bela role:admin")
        await team.type("lin", "admin settings notice:no")

        about = await team.type("lin", "admin audit @ana")
        assert entries(about.text)[1:] == ["Lin (admin) gave a role to Ana, note: admin"]
        page = await team.type("lin", "admin audit")
        form = await team.press("lin", page, "Filter…")
        by = await team.send("lin", form, {"actor": person_id("lin"), "action": "settings changed"})
        assert entries(by.text) == [
            "Lin (admin) changed settings, note: People are told, unasked, when they were read: no"
        ]


async def test_nobody_reads_it_whose_role_was_taken(url: str) -> None:
    async with office(url) as team:
        for number in range(11):
            await team.type("lin", f"admin settings contact:desk{number}")
        page = await team.type("lin", "admin audit")
        await team.revoke("lin")

        assert entries((await team.press("lin", page, "Older")).text) == []


async def test_it_is_verified(url: str) -> None:
    async with office(url) as team:
        await team.type("lin", "admin settings notice:no")
        await team.type("lin", "admin verify")
        await team.team.quiet()

        said = [post.text for post in await team.shown("lin")]
        assert "The access log of this workspace is whole: 2 entries, none changed, none missing." in said


async def test_a_changed_entry_is_found(url: str) -> None:
    async with office(url) as team:
        await team.type("lin", "admin settings notice:no")
        await spoil(team)
        await team.type("lin", "admin verify")
        await team.team.quiet()

        said = [post.text for post in await team.shown("lin")]
        assert any("is not whole.** 0 entries are as they were written" in one for one in said)


async def spoil(team: Office) -> None:
    def write(connection: Connection) -> None:
        connection.execute(update(audit).where(audit.c.seq == 1).values(note="nothing"))

    await team.team.store.write(write)


# Usage


async def test_usage_shows_days_without_names(url: str) -> None:
    async with office(url, workspace_tokens_per_day=1_000_000) as team:
        await team.say("ana", "hello")
        await team.say("ana", "hello again")
        await team.say("bela", "hello")
        page = await team.type("lin", "admin usage")

        (table,) = page.extras["tables"]
        assert len(table["rows"]) == 14
        assert table["rows"][0][:4] == [wall_clock().date().isoformat(), "3", "3", "2"]
        assert table["rows"][1][1:] == ["0", "0", "0", "0"]
        assert "2 people were answered" in page.text
        assert "of 1,000,000 tokens used" in page.text
        assert "Ana" not in str(page)


async def test_admins_are_warned_of_the_budget_once(url: str) -> None:
    async with office(url, costing(300), workspace_tokens_per_day=1_000) as team:
        await team.grant("bela", "admin")
        for number in range(4):
            for name in ("lin", "bela"):
                assert [post.text for post in await team.shown(name)] == ([WARNING] if number > 2 else [])
            await team.say("ana", f"question {number}")

        for name in ("lin", "bela"):
            assert [post.text for post in await team.shown(name)] == [WARNING]
        assert "It is used up" in (await team.type("lin", "admin usage")).text
