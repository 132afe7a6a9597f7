"""Nobody adds a column without saying what becomes of it when a person forgets, and whether her export holds it."""

from collections import Counter
from typing import get_args

import adapters.local.tables
import bot.storage.turn_tables
from bot.storage.tables import metadata
from bot.supervision.classification import HOLDING, TREATMENTS, OnErasure

LAID = (adapters.local.tables, bot.storage.turn_tables)  # imported, so that the metadata knows them


def test_every_column_of_every_table_has_one_treatment_and_none_is_made_up() -> None:
    columns = {(table.name, column.name) for table in metadata.sorted_tables for column in table.columns}
    treated = Counter((table, column) for table, all_ in TREATMENTS.items() for one in all_ for column in one.columns)

    assert columns - set(treated) == set(), "say in bot/supervision/classification.py what becomes of these"
    assert set(treated) - columns == set()
    assert [one for one, times in treated.items() if times > 1] == []


def test_what_stays_and_what_is_not_exported_has_a_reason() -> None:
    for all_ in TREATMENTS.values():
        for one in all_:
            assert one.on_erasure in get_args(OnErasure)
            assert (one.because == "") == (one.on_erasure == "erase")
            assert (one.unless == "") == one.exported


def test_the_files_of_every_table_with_something_of_a_person_are_scrubbed() -> None:
    assert {"messages", "message_search", "people", "places", "jobs", "held", "vectors"} <= set(HOLDING)
    assert "audit" not in HOLDING
