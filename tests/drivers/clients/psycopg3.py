"""psycopg 3: as it comes (``text``), with binary results (``binary``), and in pipeline mode (``pipeline``)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import psycopg

from tests.drivers.stage import Play, Report
from tests.drivers.vocabulary import COPIED_ROWS, STATEMENTS, Step

Connection = psycopg.Connection[Any]
_ALLOWED = STATEMENTS["allowed"].replace("$1", "%s")
_DENIED_WITH = STATEMENTS["denied_with"].replace("$1", "%s")
_INSERT = STATEMENTS["insert_with"].replace("$1", "%s")


def error_of(work: Callable[[], Any]) -> Report:
    """What the driver says of a failure."""
    try:
        work()
    except psycopg.Error as error:
        told = error.diag
        return {
            "sqlstate": error.sqlstate,
            "message": told.message_primary,
            "detail": told.message_detail,
            "hint": told.message_hint,
        }
    return {}


def play(play: Play) -> None:
    """Go through the steps."""
    connection = psycopg.connect(**play.target.libpq(), autocommit=True)
    together: Callable[[], AbstractContextManager[Any]] = (
        connection.pipeline if play.mode == "pipeline" else nullcontext
    )
    binary = play.mode == "binary"

    def rows(text: Any, *parameters: Any, **options: Any) -> list[list[Any]]:
        return [list(row) for row in connection.cursor(binary=binary).execute(text, parameters or None, **options)]

    def then() -> Any:
        return rows("SELECT 1")[0][0]

    play.note(Step.TLS, on=bool(connection.pgconn.ssl_in_use))
    play.note(Step.ALLOWED, rows=rows(_ALLOWED, 3))
    play.note(Step.DENIED_SIMPLE, **error_of(lambda: connection.execute(STATEMENTS["denied"])), then=then())
    prepared = [rows(_ALLOWED, number, prepare=True) for number in (1, 2, 2)]
    said = error_of(lambda: connection.execute(_DENIED_WITH, (1,), prepare=True))
    play.note(Step.DENIED_PREPARED, rows=prepared, **said, then=then())
    play.note(Step.DENIED_BATCH, **_batch(connection, play.mode), then=then())

    def denied_in_transaction() -> None:
        with together():
            connection.execute(_INSERT, ("transaction-2",))
            connection.execute(STATEMENTS["denied"])

    connection.execute("BEGIN")
    connection.execute(_INSERT, ("transaction-1",))
    said = error_of(denied_in_transaction)
    aborted = error_of(lambda: connection.execute("SELECT 1"))["sqlstate"]
    end = connection.execute("COMMIT").statusmessage
    play.note(Step.DENIED_IN_TRANSACTION, **said, aborted=aborted, end=end, then=then())
    _cancel(play, connection, then)
    _copy(play, connection, then)
    _big(play, connection)
    play.kill()
    lost = error_of(lambda: connection.execute("SELECT 1"))
    with psycopg.connect(**play.target.libpq(), autocommit=True) as connection:
        play.note(Step.RECONNECT, lost=bool(lost), then=then())


def _batch(connection: Connection, mode: str) -> Report:
    """An insert, what is denied, an insert: in one text, or in a pipeline."""

    def pipeline() -> None:
        with connection.pipeline():
            connection.execute(_INSERT, ("batch-1",))
            connection.execute(_DENIED_WITH, (1,))
            connection.execute(_INSERT, ("batch-2",))

    first, last = (STATEMENTS["insert"] % f"batch-{number}" for number in (1, 2))
    text: Any = f"{first}; {STATEMENTS['denied']}; {last}"
    return error_of(pipeline if mode == "pipeline" else lambda: connection.execute(text))


def _cancel(play: Play, connection: Connection, then: Callable[[], Any]) -> None:
    found: Report = {}
    thread = threading.Thread(target=lambda: found.update(error_of(lambda: connection.execute(STATEMENTS["long"]))))
    thread.start()
    play.await_running()
    # By libpq's older call, in the clear, or by its newer one, as encrypted as the session is.
    if play.mode == "text":
        connection.cancel()
    else:
        connection.cancel_safe(timeout=10)
    thread.join()
    play.note(Step.CANCEL, **found, then=then())


def _copy(play: Play, connection: Connection, then: Callable[[], Any]) -> None:
    words: Any = " (FORMAT BINARY)" if play.mode == "binary" else ""
    with connection.cursor() as cursor:
        with cursor.copy(STATEMENTS["copy_in"] + words) as copy:
            if words:
                copy.set_types(["text", "bool"])
            for number in range(COPIED_ROWS):
                copy.write_row((f"copy-{number}", True))
        into = cursor.rowcount
        with cursor.copy(STATEMENTS["copy_out"] + words) as copy:
            if words:
                copy.set_types(["int8", "text"])
            out = len(list(copy.rows()))

    def denied() -> None:
        with connection.cursor() as cursor, cursor.copy(STATEMENTS["copy_denied"]) as copy:
            copy.read()

    play.note(Step.COPY, into=into, out=out, **error_of(denied), then=then())


def _big(play: Play, connection: Connection) -> None:
    big: Any = STATEMENTS["big"]
    if play.mode == "binary":  # through a cursor of the server's
        with connection.transaction(), connection.cursor("big", binary=True) as cursor:
            cursor.itersize = 1000
            found = [number for number, _ in cursor.execute(big)]
    elif play.mode == "pipeline":  # row by row
        found = [number for number, _ in connection.cursor().stream(big)]
    else:
        found = [number for number, _ in connection.execute(big)]
    play.note(Step.BIG, rows=len(found), sum=sum(found))
