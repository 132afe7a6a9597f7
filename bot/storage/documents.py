"""Conditions on metadata: scalars, the same on SQLite's JSON text and PostgreSQL's JSONB."""

import json
from typing import Any

from sqlalchemy import Column, ColumnElement, and_, column, exists, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

Scalar = str | int | float | bool | None


class Holds(ColumnElement[bool]):
    """Whether a document holds `name` with exactly this scalar; a missing name is not the same as null."""

    inherit_cache = False

    def __init__(self, document: Column[Any], name: str, value: Scalar) -> None:
        self.document = document
        self.name = name
        self.value = value


@compiles(Holds, "postgresql")
def _on_postgresql(element: Holds, compiler: SQLCompiler, **kwargs: Any) -> str:
    wanted = literal(json.dumps({element.name: element.value})).cast(JSONB)
    return compiler.process(element.document.cast(JSONB).contains(wanted), **kwargs)


@compiles(Holds, "sqlite")
def _on_sqlite(element: Holds, compiler: SQLCompiler, **kwargs: Any) -> str:
    entries = func.json_each(element.document).table_valued(column("key"), column("type"), column("atom"))
    conditions = [entries.c.key == literal(element.name), entries.c.type.in_(_json_types(element.value))]
    if isinstance(element.value, str | int | float) and not isinstance(element.value, bool):
        conditions.append(entries.c.atom == literal(element.value))
    return compiler.process(exists(select(entries.c.key).where(and_(*conditions))), **kwargs)


def _json_types(value: Scalar) -> list[str]:
    if value is None:
        return ["null"]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return ["text"] if isinstance(value, str) else ["integer", "real"]
