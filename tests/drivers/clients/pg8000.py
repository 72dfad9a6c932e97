"""pg8000, by its native interface."""

from __future__ import annotations

import io
import ssl
from collections.abc import Callable
from typing import Any

import pg8000.native

from tests.drivers.stage import Play, Report
from tests.drivers.vocabulary import COPIED_ROWS, STATEMENTS, Step

_ALLOWED = STATEMENTS["allowed"].replace("$1", ":number")
_DENIED_WITH = STATEMENTS["denied_with"].replace("$1", ":number")


def error_of(work: Callable[[], Any]) -> Report:
    """What the driver says of a failure: the fields as they came."""
    try:
        work()
    except pg8000.native.DatabaseError as error:
        told = error.args[0]
        return {
            "sqlstate": told["C"],
            "message": told["M"],
            "detail": told.get("D"),
            "hint": told.get("H"),
        }
    return {}


def _connect(play: Play) -> Any:
    target = play.target
    context = ssl.create_default_context(cafile=target.ca) if target.ca else False
    return pg8000.native.Connection(
        target.user,
        host=target.host,
        port=target.port,
        database=target.database,
        password=target.password,
        ssl_context=context,
        timeout=20,
    )


def play(play: Play) -> None:
    """Go through the steps."""
    connection = _connect(play)

    def then() -> Any:
        return connection.run("SELECT 1")[0][0]

    play.note(Step.TLS, on=isinstance(connection._usock, ssl.SSLSocket))
    play.note(Step.ALLOWED, rows=connection.run(_ALLOWED, number=3))
    play.note(Step.DENIED_SIMPLE, **error_of(lambda: connection.run(STATEMENTS["denied"])), then=then())
    statement = connection.prepare(_ALLOWED)
    prepared = [statement.run(number=number) for number in (1, 2, 2)]
    statement.close()
    said = error_of(lambda: connection.prepare(_DENIED_WITH).run(number=1))
    play.note(Step.DENIED_PREPARED, rows=prepared, **said, then=then())
    first, last = (STATEMENTS["insert"] % f"batch-{number}" for number in (1, 2))
    said = error_of(lambda: connection.run(f"{first}; {STATEMENTS['denied']}; {last}"))
    play.note(Step.DENIED_BATCH, **said, then=then())

    connection.run("BEGIN")
    connection.run(STATEMENTS["insert"] % "transaction-1")
    said = error_of(lambda: connection.run(_DENIED_WITH, number=1))
    aborted = error_of(lambda: connection.run("SELECT 1"))["sqlstate"]
    connection.run("ROLLBACK")
    play.note(Step.DENIED_IN_TRANSACTION, **said, aborted=aborted, then=then())

    lines = io.BytesIO("".join(f"copy-{n}\tt\n" for n in range(COPIED_ROWS)).encode())
    connection.run(STATEMENTS["copy_in"], stream=lines)
    into, out = connection.row_count, io.BytesIO()
    connection.run(STATEMENTS["copy_out"], stream=out)
    said = error_of(lambda: connection.run(STATEMENTS["copy_denied"], stream=io.BytesIO()))
    play.note(Step.COPY, into=into, out=len(out.getvalue().splitlines()), **said, then=then())

    numbers = [number for number, _ in connection.run(STATEMENTS["big"])]
    play.note(Step.BIG, rows=len(numbers), sum=sum(numbers))

    play.kill()
    lost = _lost(lambda: connection.run("SELECT 1"))
    _lost(connection.close)
    connection = _connect(play)
    play.note(Step.RECONNECT, lost=lost, then=then())
    connection.close()


def _lost(work: Callable[[], Any]) -> bool:
    try:
        work()
    except (pg8000.native.DatabaseError, pg8000.native.InterfaceError, OSError):
        return True
    return False
