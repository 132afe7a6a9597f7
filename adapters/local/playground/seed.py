"""Who and what is in the playground's workspace at the start."""

from adapters.local.adapter import LocalAdapter

WORKSPACE = "playground"
_PEOPLE = (
    ("ada", "Ada", "member"),
    ("bela", "Béla", "member"),
    ("chen", "Chen", "member"),
    ("grace", "Grace", "member"),
    ("lin", "Lin", "administrator"),
    ("noor", "Noor", "guest"),
)
_CHANNELS = (
    ("general", "public", ("ada", "bela", "chen", "grace", "lin")),
    ("support", "public", ("ada", "chen", "grace", "noor")),
    ("leads", "private", ("grace", "lin")),
)


async def seed(adapter: LocalAdapter) -> None:
    """Let a few people live in the playground, with their channels; where somebody does already nothing is changed."""
    if await adapter.people(WORKSPACE):
        return
    for name, kind, _members in _CHANNELS:
        await adapter.make_channel(WORKSPACE, name, kind)  # type: ignore[arg-type]  # as the seam has them
    for name, shown_name, role in _PEOPLE:
        await adapter.settle(WORKSPACE, name, shown_name, role)
    for name, _kind, members in _CHANNELS:
        for person in members:
            await adapter.join(WORKSPACE, name, person)
