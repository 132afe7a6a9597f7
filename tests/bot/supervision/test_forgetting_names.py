"""Where a person is named by others: what the admins were told of her, and the settings."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, insert, select

from bot.access.scope import Scope
from bot.access.settings_rows import chosen_settings
from bot.commands.admin.announcing import Listener, tell_admins
from bot.storage.tables import people, roles, workspace_settings
from bot.storage.turn_tables import jobs
from bot.supervision.erasure_rows import Wanted, begin_erasure
from bot.turns.turn_values import Notice
from tests.bot.supervision.paper import Office, direct, office, person, wall_clock

ANA, ANABEL, BEN = person("ana"), person("anabel"), person("ben")


async def forget_everything(at: Office) -> None:
    wanted = Wanted("e1", ANA.resource_id, "everything")
    begun = await at.store.write(begin_erasure, at.scope, wanted, direct(ANA), wall_clock())
    assert begun is not None
    for word in begun.words:
        at.serving.signals.say(word)
    await at.until(lambda: at.reports(direct(ANA), "**Certificate"))
    await at.quiet()


async def test_what_the_admins_were_told_of_her_goes_and_the_rest_stays(url: str) -> None:
    async with office(url) as at:
        for who in (ANA, ANABEL, BEN):
            await at.say(who, "words")
        await at.quiet()

        def tell(connection: Connection) -> None:
            admin = select(people.c.key).where(people.c.resource_id == BEN.resource_id)
            row = {"resource_key": connection.execute(admin).scalar_one(), "role": "admin", "source": "granted"}
            row |= {"workspace_key": at.scope.workspace_key, "granted_at": wall_clock()}
            connection.execute(insert(roles), row)
            listening = [Listener(BEN.resource_id, direct(BEN)), Listener(ANA.resource_id, direct(ANA))]
            how: dict[str, dict[str, Any]] = {
                "has a role": {"also": (ANA.resource_id,)},
                "gave a role": {"but": ANA.resource_id},
                "may be read": {"also": (ANABEL.resource_id,), "names": (ANA.resource_id,)},
                "is somebody else": {"also": (ANABEL.resource_id,)},
            }
            for about, named in how.items():
                tell_admins(connection, at.scope, Notice(f"news:{about}", about), listening, wall_clock(), **named)

        await at.store.write(tell)
        assert {row["report"] for row in await at.rows(jobs, jobs.c.id.startswith("news:"))} == {
            "has a role",
            "gave a role",
            "may be read",
            "is somebody else",
        }
        await forget_everything(at)

        assert [row["report"] for row in await at.rows(jobs, jobs.c.id.startswith("news:"))] == ["is somebody else"]


async def test_what_she_was_told_of_others_goes_too(url: str) -> None:
    async with office(url) as at:
        for who in (ANA, BEN):
            await at.say(who, "words")
        await at.quiet()

        def tell(connection: Connection) -> None:
            listening = [Listener(ANA.resource_id, direct(ANA))]
            notice = Notice("news:1", "Ben has a role")
            tell_admins(connection, at.scope, notice, listening, wall_clock(), also=(BEN.resource_id, ANA.resource_id))

        await at.store.write(tell)
        await at.quiet()
        await forget_everything(at)

        assert await at.rows(jobs, jobs.c.id.startswith("news:")) == []


async def test_she_is_the_contact_no_more_in_no_version_and_others_stay(url: str) -> None:
    async with office(url) as at:
        await at.say(ANA, "words")
        await at.quiet()

        def choose(connection: Connection) -> None:
            contacts = (ANA.resource_id, ANABEL.resource_id, ANA.resource_id)
            for version, contact in enumerate(contacts, start=1):
                row = {"workspace_key": at.scope.workspace_key, "version": version, "changed_by": "operator"}
                row |= {"values_": {"contact": contact, "persona": "kind"}}
                row |= {"changed_at": wall_clock() + timedelta(seconds=version)}
                connection.execute(insert(workspace_settings), row)

        await at.store.write(choose)
        await forget_everything(at)

        assert [row["values_"] if "values_" in row else row["values"] for row in await at.rows(workspace_settings)] == [
            {"persona": "kind"},
            {"contact": ANABEL.resource_id, "persona": "kind"},
            {"persona": "kind"},
        ]
        chosen = await at.store.read(chosen_settings, Scope("system", at.scope.workspace_key, ()))
        assert (chosen.version, chosen.settings.contact) == (3, "")
