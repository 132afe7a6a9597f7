"""The schema: up and down with data, equal to the models, refused when it is newer."""

from alembic.script import ScriptDirectory

from bot.storage.schema import REVISIONS


def test_the_known_revisions_are_the_scripts() -> None:
    scripts = ScriptDirectory("migrations", None)

    assert tuple(reversed([one.revision for one in scripts.walk_revisions()])) == REVISIONS
