"""Where and how somebody asks for another person's conversations; and that asking often escapes no record."""

import asyncio

from adapters.local.world_rows import LocalPost
from bot.chat import Reply
from tests.access.matrix import CANARIES, furnished, recorded
from tests.bot.commands.office import buttons, person_id
from tests.bot.turns.team import WORKSPACE

_REASON = {"category": "security"}
_ELSEWHERE = (
    "Other people's conversations cannot be opened in this place: people from outside may read it, or I cannot tell who"
    " can. Ask me in our direct conversation. This request was recorded."
)


def _names_nobody(post: LocalPost) -> bool:
    said = repr((post.text, buttons(post)))
    return "ana" not in said.lower() and not [word for word in CANARIES.values() if word in said]


async def test_in_a_channel_others_see_nothing_and_the_answer_names_nobody(url: str) -> None:
    async with furnished(url) as matrix:
        here = matrix.office
        slash = await here.run("grace", "history", {"person": person_id("ana")}, channel="general")
        mention = await here.type("grace", "@keeper history @ana", channel="general")
        loose = await here.run("grace", "history", {"person": person_id("ana"), "words": "heron"}, channel="general")
        for post in (slash, mention, loose):
            assert (post.only_for, buttons(post)) == ("grace", ["Open it here, privately"])
            assert _names_nobody(post)
        form = await here.press("grace", slash, "Open it here, privately")
        listed = await here.send("grace", form, _REASON)
        transcript = await here.press("grace", listed, "1")
        assert {form.only_for, listed.only_for, transcript.only_for} == {"grace"}
        assert CANARIES["ana in general"] in transcript.text

        shown = [post.id for post in await here.shown("bela", "general")]
        assert not {slash.id, mention.id, loose.id, form.id, listed.id, transcript.id} & set(shown)


async def test_where_guests_can_read_nothing_is_begun_by_any_way(url: str) -> None:
    async with furnished(url) as matrix:
        here = matrix.office
        thing = matrix.things["ana"]
        asked = [
            await here.run("grace", "history", {"person": thing.person}, channel="partners"),
            await here.type("grace", "@keeper history @ana", channel="partners"),
            await here.run("grace", "history", {"person": person_id("nobody")}, channel="partners"),
        ]
        for command in ("supervise form", "supervise list", "supervise open", "supervise export"):
            given = {"person": thing.person, **_REASON}
            given |= {"thread": thing.thread} if command in {"supervise open", "supervise export"} else {}
            asked.append(await here.run("grace", command, given, channel="partners"))
        assert {(one.text, one.only_for, tuple(buttons(one))) for one in asked} == {(_ELSEWHERE, "grace", ())}
        assert {outcome for _action, outcome in (await recorded(matrix))[-len(asked) :]} == {"refused"}


async def test_an_edit_that_becomes_a_command_does_nothing(url: str) -> None:
    async with furnished(url) as matrix:
        here = matrix.office
        post = await here.say("grace", "good morning")
        other = await here.say("grace", "@keeper good morning", channel="general")
        deed = await here.say("lin", "good morning")
        before = await recorded(matrix)
        shown = [await here.shown(*where) for where in (("grace",), ("grace", "general"), ("lin",))]
        await here.team.local.edit(WORKSPACE, post, "grace", "history @ana")
        await here.team.local.edit(WORKSPACE, other, "grace", "@keeper history @ana")
        await here.team.local.edit(WORKSPACE, deed, "lin", "admin grant @bela role:admin")
        await here.quiet()
        # What comes behind it shows that the edits were taken in.
        assert "> history @ana" in (await here.run("grace", "history open", {"thread": "@grace"})).text
        after = [await here.shown(*where) for where in (("grace",), ("grace", "general"), ("lin",))]
        assert [len(one) for one in after] == [len(shown[0]) + 1, *map(len, shown[1:])]
        assert not [one for one in after[0] if "Open a person's conversations" in one.text]
        assert await recorded(matrix) == before


async def test_of_many_requests_at_once_each_is_recorded(url: str) -> None:
    async with furnished(url) as matrix:
        thread = matrix.things["bela"].thread
        ana, bela = ({"person": person_id(name), **_REASON} for name in ("ana", "bela"))
        requests = [
            ("supervise list", bela, "list", "done"),
            ("supervise list", bela | {"words": CANARIES["bela"]}, "search", "done"),
            ("supervise list", bela | {"page": "7"}, "list", "done"),
            ("supervise open", bela | {"thread": thread}, "open", "done"),
            ("supervise list", ana, "list", "refused"),
            ("supervise list", ana | {"words": CANARIES["ana"]}, "search", "refused"),
            ("supervise open", ana | {"thread": thread}, "open", "refused"),
            ("history", {"person": "local:elsewhere:zoe"}, "", ""),
        ] * 8
        before = len(await recorded(matrix))
        ears = await asyncio.gather(*[matrix.run("supervisor of another", one[0], one[1]) for one in requests])

        rows = (await recorded(matrix))[before:]
        assert sorted(rows) == sorted((action, outcome) for *_rest, action, outcome in requests if action)
        shown = [ear for ear in ears if isinstance(ear.heard[0][1], Reply) and CANARIES["bela"] in ear.everything]
        assert len(shown) == 3 * 8
        assert not [ear for ear in ears if CANARIES["ana"] in ear.everything]
        verdict = await matrix.office.recorder.verify(matrix.office.team.store, f"local:{WORKSPACE}")
        assert verdict.damage is None
