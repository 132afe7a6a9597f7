"""What a model finds for somebody, from the conversation that she has with the bot alone."""

from bot.access.actor import Actor
from bot.agent.tools import Reach, SearchArguments, search_tool
from bot.memory.memory import Memory
from bot.memory.values import NewMessage


async def test_what_others_said_elsewhere_is_not_found_nor_are_their_titles(url: str) -> None:
    async with await Memory.open(url) as memory:
        system = memory.as_actor(Actor.system("a test"))
        shared = await system.create_thread(
            "ben", "leads/1", "Ben's purple plan", place_kind="private", place_name="#leads"
        )
        await system.add_participant(shared.id, "ana")
        said = [
            NewMessage(shared.id, "ben", "the purple plan of ben"),
            NewMessage(shared.id, "ana", "is the purple plan good?"),
            NewMessage(shared.id, "ana", "The purple plan is fine.", "assistant"),
        ]
        await system.save_messages(said)
        view = memory.as_actor(Actor.person("ana"))
        here = await view.create_thread("ana", "direct")
        shown: dict[str, None] = {}
        tool = search_tool(Reach(view, here, "purple plan", frozenset(), True, {}, shown))
        found = (await tool.run(SearchArguments(query="purple plan")))["found"]
        assert {hit["text"] for hit in found} == {"is the purple plan good?", "The purple plan is fine."}
        assert {hit["conversation"] for hit in found} == {"#leads"}
        assert len(shown) == 2
