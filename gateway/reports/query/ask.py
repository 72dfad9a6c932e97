"""One question to a record: from its columns to an answer of names and rows. That it may be asked is decided before."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from gateway.audit.columns import ChainBroken
from gateway.errors import ConfigError
from gateway.inquiry import Reading
from gateway.reports.query import questions
from gateway.reports.query.layout import laid_out
from gateway.reports.query.questions import Accesses, Question
from gateway.reports.query.views import ANSWER, engine_there, opened

if TYPE_CHECKING:
    import duckdb

_AT_ONCE: Final = 10_000  # rows held at a time
Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Names of the columns, the rows as they come, the sums below them, and what has to be said of them."""

    names: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]
    total: tuple[Any, ...] | None = None
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Record:
    """A record that may be read so far as ``reading`` says."""

    directory: Path
    reading: Reading
    keep: bool = True  # whether what is laid out stays for the next question
    told: Told = lambda done, of: None

    @contextmanager
    def count(self, wanted: Accesses, by: Iterable[str], *, parquet: BinaryIO | None = None) -> Iterator[Answer]:
        """How many there are, by what is asked for."""
        by = tuple(by)
        with self._opened() as (connection, scratch, notes):
            first, second = questions.counting(self._within(wanted), by)
            connection.execute(first.sql, dict(first.given))
            if parquet is not None:
                groups = f"SELECT * EXCLUDE (total) FROM ({second.sql}) WHERE NOT total"  # noqa: S608 - of our own
                kept = Question(groups, second.given)
                yield _written(connection, kept, scratch, parquet, notes)
                return
            found = connection.execute(second.sql, dict(second.given)).fetchall()
            lost, rows = connection.execute(questions.strays().sql).fetchall()[0]
            if lost and self.reading.entity is None and self.reading.principal is None:
                notes = (*notes, f"{lost:,} executions ({rows:,} rows) are of decisions that are not in these entries")
            yield Answer(
                names=(*by, *questions.COUNTED),
                rows=(row[1:] for row in found if not row[0]),
                total=next((row[1:] for row in found if row[0]), None),
                notes=notes,
            )

    @contextmanager
    def list(self, wanted: Accesses, most: int, *, parquet: BinaryIO | None = None) -> Iterator[Answer]:
        """The last ones, each by itself."""
        with self._opened() as (connection, scratch, notes):
            within = self._within(wanted)
            question, further = questions.listing(within, most), questions.more_than(within, most)
            if connection.execute(further.sql, dict(further.given)).fetchall()[0][0]:
                notes = (*notes, f"only the last {most:,}: there are more (--limit)")
            if parquet is not None:
                yield _written(connection, question, scratch, parquet, notes)
            else:
                yield _streamed(connection.execute(question.sql, dict(question.given)), notes)

    @contextmanager
    def sql(self, text: str, *, parquet: BinaryIO | None = None) -> Iterator[Answer]:
        """Anything that can be asked of the views. Raises ConfigError for what is not a question."""
        with self._opened(free=True) as (connection, scratch, notes), _saying_what_is_wrong():
            one_question(connection, text)
            if parquet is not None:
                yield _written(connection, Question(text, {}), scratch, parquet, notes)
            else:
                yield _streamed(connection.execute(text), notes)

    def _within(self, wanted: Accesses) -> Accesses:
        """No more than may be read, whatever is asked for."""
        entity, principal = self.reading.entity, self.reading.principal
        return replace(wanted, entity=entity or wanted.entity, principal=principal or wanted.principal)

    @contextmanager
    def _opened(self, *, free: bool = False) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path, tuple[str, ...]]]:
        engine_there()
        import duckdb

        try:
            with laid_out(self.directory, keep=self.keep, told=self.told) as layout:
                if not layout.folders:
                    raise ConfigError([f"{self.directory}: there is no record in this folder"])
                with opened(layout, self.reading, free=free) as connection:
                    yield connection, layout.scratch, layout.notes
        except duckdb.Error as error:
            raise ConfigError([f"{self.directory}: {' '.join(str(error).split())[:500]}"]) from None
        except ChainBroken as error:
            raise ConfigError(
                [f"{error}: nothing is told of a record that does not hold; see `sekisho audit verify`"]
            ) from None


@contextmanager
def _saying_what_is_wrong() -> Iterator[None]:
    """With somebody's own SQL, in words and without a stack trace."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise ConfigError([f"--sql: {' '.join(str(error).split())[:500]}"]) from None


def one_question(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    """One SELECT and nothing else: what changes something is refused before it is tried."""
    import duckdb

    statements = connection.extract_statements(text)
    if len(statements) != 1:
        raise ConfigError([f"--sql: one question at a time, and there are {len(statements)}"])
    if statements[0].type not in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN):
        raise ConfigError([f"--sql: only SELECT, and this is {statements[0].type.name}"])


def _streamed(connection: duckdb.DuckDBPyConnection, notes: tuple[str, ...]) -> Answer:
    def rows() -> Iterator[tuple[Any, ...]]:
        while found := connection.fetchmany(_AT_ONCE):
            yield from found

    return Answer(names=tuple(str(one[0]) for one in connection.description or ()), rows=rows(), notes=notes)


def _written(
    connection: duckdb.DuckDBPyConnection, question: Question, scratch: Path, out: BinaryIO, notes: tuple[str, ...]
) -> Answer:
    """The answer as a Parquet file, into what is open already: whoever may read the record may not write everywhere."""
    connection.execute(f"CREATE TEMP TABLE answer AS {question.sql}", dict(question.given) or None)
    place = scratch / ANSWER
    quoted = str(place).replace("'", "''")
    count = connection.execute(f"COPY answer TO '{quoted}' (FORMAT parquet, COMPRESSION zstd)").fetchall()[0][0]
    with place.open("rb") as made:
        shutil.copyfileobj(made, out)
    return Answer(names=(), rows=iter(()), notes=(f"{count:,} rows", *notes))
