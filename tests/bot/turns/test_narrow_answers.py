"""An answer is read by nobody who may not read all that it is based on; and nothing is kept longer than was told."""

from datetime import timedelta

from sqlalchemy import insert, select, update

from bot.storage.tables import disclosures, messages, people
from bot.turns.retention import keep_house
from tests.bot.agent.talking import Playing
from tests.bot.turns.events import NOON
from tests.bot.turns.team import Team, running


async def tell(bot: Team, version: int, **said: object) -> None:
    """Let something else hold, and everybody know."""
    row = {"workspace_key": 1, "version": version, "supervision": "off", "created_at": NOON} | said
    await bot.store.write(lambda connection: connection.execute(insert(disclosures), row) and None)
    await bot.store.write(lambda connection: connection.execute(update(people).values(told_version=version)) and None)


async def versions(bot: Team) -> list[tuple[str, int]]:
    statement = select(messages.c.role, messages.c.disclosure).order_by(messages.c.key)
    return await bot.store.read(
        lambda connection: [(row.role, row.disclosure) for row in connection.execute(statement)]
    )


async def test_an_answer_is_as_closed_as_what_the_model_was_shown(url: str) -> None:
    async with running(url, Playing()) as bot:
        await bot.say("ana", "the purple boat")
        await bot.quiet()
        await tell(bot, 2, supervision="all")
        await bot.say("ana", "what did I say?")
        await bot.quiet()
        assert await versions(bot) == [("user", 1), ("assistant", 1), ("user", 2), ("assistant", 1)]


async def test_an_answer_that_rests_on_open_words_alone_is_open(url: str) -> None:
    async with running(url, Playing()) as bot:
        await bot.say("ben", "hello")
        await bot.quiet()
        await tell(bot, 2, supervision="all")
        await bot.say("ana", "the purple boat")
        await bot.quiet()
        await bot.say("ana", "and its sails?")
        await bot.quiet()
        assert [version for _role, version in await versions(bot)][2:] == [2, 2, 2, 2]


async def test_nothing_is_kept_longer_than_its_author_was_told(url: str) -> None:
    async with running(url, Playing(), retention=timedelta(days=365)) as bot:
        await bot.say("ana", "hello")
        await bot.quiet()
        await tell(bot, 2, retention_days=30)
        await bot.say("ana", "the purple boat")
        await bot.quiet()
        await tell(bot, 3, retention_days=365)
        await bot.say("ben", "the green boat")
        await bot.quiet()
        old = bot.bench.now() - timedelta(days=31)
        await bot.store.write(lambda connection: connection.execute(update(messages).values(stored_at=old)) and None)

        async def progress(_words: str) -> None: ...

        await keep_house(bot.bench, None, progress)  # type: ignore[arg-type] # it asks nothing of its job
        found = select(messages.c.text).where(messages.c.role == "user").order_by(messages.c.key)
        said = await bot.store.read(lambda connection: list(connection.execute(found).scalars()))
        assert said == ["hello", "the green boat"]
