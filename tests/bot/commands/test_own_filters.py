"""One's own list and search, narrowed by days and channel."""

from tests.bot.commands.office import office


async def test_days_and_channel_narrow_my_list_and_my_search(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "boats in private")
        await here.say("ana", "@keeper boats in general", channel="general")
        today = f"{here.team.bench.now():%Y-%m-%d}"
        for words in ({}, {"words": "boats"}):
            both = await here.run("ana", "history", {**words, "from": today, "to": today})
            one = await here.run("ana", "history", {**words, "channel": "general"})
            none = await here.run("ana", "history", {**words, "to": "2020-01-01"})

            assert "(2)" in both.text
            assert "(1)" in one.text
            assert "boats" not in none.text.replace("“boats”", "")
        typed = await here.type("ana", "history from:2099-01-01")
        assert typed.text == "You have no conversations like that."


async def test_pages_of_a_narrowed_list_stay_narrowed(url: str) -> None:
    async with office(url) as here:
        for number in range(6):
            await here.say("ana", f"@keeper number {number}", channel="general")
        await here.say("ana", "in private")
        first = await here.run("ana", "history", {"channel": "general"})
        second = await here.press("ana", first, "More")
        back = await here.press("ana", second, "Back")

        assert "(6), page 1 of 2" in first.text
        assert "(6), page 2 of 2" in second.text
        assert "in private" not in first.text + second.text
        assert back.text == first.text
