"""The time that processes share: the database's where there may be several, the given one where there is one."""

from typing import Any

from sqlalchemy import BindParameter, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from bot.storage.columns import Instant


class SharedNow(FunctionElement[Any]):
    """Now, plus a number of microseconds bound as `later`.

    On PostgreSQL the server's clock, so that machines whose clocks differ agree on leases and pauses; on SQLite, where
    one process works, the value bound as `now`.
    """

    type = Instant()
    inherit_cache = True

    def __init__(self, later: str = "") -> None:
        parts: list[BindParameter[Any]] = [bindparam("now", type_=Instant())]
        if later:
            parts.append(bindparam(later, type_=Instant.impl()))
        super().__init__(*parts)


@compiles(SharedNow)
def _given(element: SharedNow, compiler: SQLCompiler, **kwargs: Any) -> str:
    parts = [compiler.process(part, **kwargs) for part in element.clauses]
    return f"({' + '.join(parts)})"


@compiles(SharedNow, "postgresql")
def _of_the_server(element: SharedNow, compiler: SQLCompiler, **kwargs: Any) -> str:
    later = [compiler.process(part, **kwargs) for part in list(element.clauses)[1:]]
    clock = "(extract(epoch from clock_timestamp()) * 1000000)::bigint"
    return f"({' + '.join([clock, *later])})"
