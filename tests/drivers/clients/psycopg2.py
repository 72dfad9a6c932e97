"""psycopg2, which puts parameters into the text itself and knows the simple protocol only."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from typing import Any

import psycopg2
from psycopg2.extras import execute_batch

from tests.drivers.stage import Play, Report
from tests.drivers.vocabulary import COPIED_ROWS, STATEMENTS, Step

_ALLOWED = STATEMENTS["allowed"].replace("$1", "%s")


def error_of(work: Callable[[], Any]) -> Report:
    """What the driver says of a failure."""
    try:
        work()
    except psycopg2.Error as error:
        told = error.diag
        return {
            "sqlstate": error.pgcode,
            "message": told.message_primary,
            "detail": told.message_detail,
            "hint": told.message_hint,
        }
    return {}


def _connect(play: Play) -> Any:
    connection = psycopg2.connect(**play.target.libpq())
    connection.autocommit = True
    return connection


def play(play: Play) -> None:
    """Go through the steps."""
    connection = _connect(play)
    cursor = connection.cursor()

    def rows(text: str, *parameters: Any) -> list[list[Any]]:
        cursor.execute(text, parameters or None)
        return [list(row) for row in cursor.fetchall()]

    def then() -> Any:
        return rows("SELECT 1")[0][0]

    play.note(Step.TLS, on=bool(connection.info.ssl_in_use))
    play.note(Step.ALLOWED, rows=rows(_ALLOWED, 3))
    play.note(Step.DENIED_SIMPLE, **error_of(lambda: cursor.execute(STATEMENTS["denied"])), then=then())
    cursor.execute(f"PREPARE one (bigint) AS {STATEMENTS['allowed']}")
    prepared = [rows("EXECUTE one (%s)", number) for number in (1, 2, 2)]
    said = error_of(lambda: cursor.execute(f"PREPARE two (bigint) AS {STATEMENTS['denied_with']}; EXECUTE two (1)"))
    play.note(Step.DENIED_PREPARED, rows=prepared, **said, then=then())
    first, last = (STATEMENTS["insert"] % f"batch-{number}" for number in (1, 2))
    said = error_of(lambda: execute_batch(cursor, "%s", [(Raw(text),) for text in (first, STATEMENTS["denied"], last)]))
    play.note(Step.DENIED_BATCH, **said, then=then())

    connection.autocommit = False
    cursor.execute(STATEMENTS["insert"] % "transaction-1")
    said = error_of(lambda: cursor.execute(STATEMENTS["denied"]))
    aborted = error_of(lambda: cursor.execute("SELECT 1"))["sqlstate"]
    connection.commit()
    connection.autocommit = True
    play.note(Step.DENIED_IN_TRANSACTION, **said, aborted=aborted, then=then())

    found: Report = {}
    thread = threading.Thread(target=lambda: found.update(error_of(lambda: cursor.execute(STATEMENTS["long"]))))
    thread.start()
    play.await_running()
    connection.cancel()
    thread.join()
    play.note(Step.CANCEL, **found, then=then())

    cursor.copy_expert(STATEMENTS["copy_in"], io.StringIO("".join(f"copy-{n}\tt\n" for n in range(COPIED_ROWS))))
    into, out = cursor.rowcount, io.StringIO()
    cursor.copy_expert(STATEMENTS["copy_out"], out)
    said = error_of(lambda: cursor.copy_expert(STATEMENTS["copy_denied"], io.StringIO()))
    play.note(Step.COPY, into=into, out=len(out.getvalue().splitlines()), **said, then=then())

    connection.autocommit = False
    with connection.cursor("big") as big:
        big.itersize = 1000
        big.execute(STATEMENTS["big"])
        numbers = [number for number, _ in big]
    connection.commit()
    play.note(Step.BIG, rows=len(numbers), sum=sum(numbers))

    play.kill()
    lost = error_of(lambda: cursor.execute("SELECT 1"))
    connection.close()
    connection = _connect(play)
    cursor = connection.cursor()
    play.note(Step.RECONNECT, lost=bool(lost), then=then())
    connection.close()


class Raw:
    """A whole statement in a parameter's place."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __conform__(self, protocol: Any) -> Raw:
        return self

    def getquoted(self) -> bytes:
        """The text as it is."""
        return self._text.encode()
