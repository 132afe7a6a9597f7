"""Being one of many keys, as one parameter: the statement stays the same however many there are."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Boolean, ColumnElement, Dialect, String, TypeDecorator, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine


class _Keys(TypeDecorator[Sequence[int]]):
    """Keys in one value: JSON text on SQLite, an array on PostgreSQL."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return ARRAY(BigInteger()) if dialect.name == "postgresql" else String()

    def process_bind_param(self, value: Sequence[int] | None, dialect: Dialect) -> Any:
        keys = list(value or ())
        return keys if dialect.name == "postgresql" else json.dumps(keys)


class Among(FunctionElement[bool]):
    """Whether `column` is one of the keys bound as `name`.

    `IN` with a parameter for each key is written anew at every execution, never prepared, and bounded in number.
    """

    type = Boolean()
    inherit_cache = True

    def __init__(self, column: ColumnElement[int], name: str) -> None:
        super().__init__(column, bindparam(name, type_=_Keys()))


@compiles(Among, "postgresql")
def _on_postgresql(element: Among, compiler: SQLCompiler, **kwargs: Any) -> str:
    column, keys = (compiler.process(one, **kwargs) for one in element.clauses)
    return f"{column} = ANY ({keys})"


@compiles(Among, "sqlite")
def _on_sqlite(element: Among, compiler: SQLCompiler, **kwargs: Any) -> str:
    column, keys = (compiler.process(one, **kwargs) for one in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({keys}))"  # noqa: S608 (both are parts of a compiled statement)
