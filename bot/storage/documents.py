"""Conditions on metadata: scalars, the same on SQLite's JSON text and PostgreSQL's JSONB."""

from typing import Any

from sqlalchemy import Boolean, Column, ColumnElement, String, bindparam, cast
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class Holds(FunctionElement[bool]):
    """Whether a document holds a name with exactly this scalar; a missing name is not the same as null.

    Name and scalar are bound, as the `number`-th pair of `holds_values`: no statement is made of what somebody sent.
    """

    type = Boolean()
    inherit_cache = True

    def __init__(self, document: Column[Any], number: int) -> None:
        pair = (bindparam(f"holds_name_{number}", type_=String), bindparam(f"holds_json_{number}", type_=String))
        super().__init__(document, *pair)


def holds_values(pairs: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """The values for so many `Holds`: names, and scalars as `json.dumps` writes them, whole numbers as integers."""
    values = {f"holds_name_{number}": name for number, (name, _json) in enumerate(pairs)}
    return values | {f"holds_json_{number}": json for number, (_name, json) in enumerate(pairs)}


@compiles(Holds, "postgresql")
def _on_postgresql(element: Holds, compiler: SQLCompiler, **kwargs: Any) -> str:
    document, name, json = element.clauses
    condition: ColumnElement[bool] = cast(document, JSONB).op("->", return_type=JSONB())(name) == cast(json, JSONB)
    return compiler.process(condition.self_group(), **kwargs)


@compiles(Holds, "sqlite")
def _on_sqlite(element: Holds, compiler: SQLCompiler, **kwargs: Any) -> str:
    document, name, json = element.clauses
    # As texts: SQLite reads numbers into 64 bits. Names hold no quotes, and 1.0 is the other spelling of 1.
    held = document.op("->", precedence=9, return_type=String())('$."' + name + '"')
    return compiler.process(held.in_([json, json + ".0"]).self_group(), **kwargs)
