"""Which platform a workspace is of: what its id begins with, before the colon."""

from typing import Any

from sqlalchemy import ColumnElement, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class PlatformOf(FunctionElement[str]):
    """The platform's name in a workspace's id."""

    type = String()
    inherit_cache = True

    def __init__(self, workspace_id: ColumnElement[str]) -> None:
        super().__init__(workspace_id)


@compiles(PlatformOf, "sqlite")
def _on_sqlite(element: PlatformOf, compiler: SQLCompiler, **kwargs: Any) -> str:
    column = compiler.process(element.clauses, **kwargs)
    return f"substr({column}, 1, instr({column}, ':') - 1)"


@compiles(PlatformOf, "postgresql")
def _on_postgresql(element: PlatformOf, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"split_part({compiler.process(element.clauses, **kwargs)}, ':', 1)"
