"""What is written beside the code is true: settings, limits, the changelog."""

import re
import tomllib
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

from bot import limits
from bot.settings import Settings
from bot.turns.options import TurnOptions, options_of

ROOT = Path(__file__).resolve().parents[2]


def test_every_setting_stands_in_the_example_with_its_default_and_a_comment() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    shown = {line.partition("=")[0]: line.partition("=")[2] for line in lines if line and not line.startswith("#")}

    expected = {
        name.upper(): "" if field.default is None else str(field.default).lower()
        for name, field in Settings.model_fields.items()
    }
    assert {name: value.lower() for name, value in shown.items()} == expected
    for number, line in enumerate(lines):
        if line and not line.startswith("#"):
            assert lines[number - 1].startswith("# "), f"{line} has no explanation"


def test_the_limits_page_shows_the_limits() -> None:
    shown = dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \|", (ROOT / "docs/limits.md").read_text(), re.MULTILINE))

    assert shown == {
        name: f"{value.total_seconds():g} s" if isinstance(value, timedelta) else f"{value:,}"
        for name, value in vars(limits).items()
        if name.isupper()
    }


def test_the_turns_page_shows_the_options() -> None:
    shown = dict(re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \|", (ROOT / "docs/turns.md").read_text(), re.MULTILINE))

    def as_shown(value: object) -> str:
        if not isinstance(value, timedelta):
            return "none" if value is None else f"{value:,}"
        seconds = value.total_seconds()
        return f"{seconds:,g} s" if seconds < 1_000_000 else f"{value.days} days"

    assert shown == {field.name: as_shown(field.default) for field in fields(TurnOptions)}


def test_the_operators_limits_are_the_products_defaults() -> None:
    assert options_of(Settings(_env_file=None)) == TurnOptions()
    unlimited = Settings(
        _env_file=None, messages_per_minute=0, messages_per_day=0, workspace_tokens_per_day=0, retention_days=0
    )
    assert options_of(unlimited).messages_per_minute is None
    assert options_of(unlimited).retention is None


def test_the_changelog_has_this_version_and_says_what_to_do() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    (section,) = re.findall(
        rf"^## {re.escape(version)}\b.*?(?=^## |\Z)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE | re.DOTALL
    )

    assert "**What you must do:**" in section


def test_links_between_documents_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]

    missing = [
        f"{page.name}: {target}"
        for page in pages
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())
        if not (page.parent / target).exists()
    ]

    assert missing == []
