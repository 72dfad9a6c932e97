"""What can be asked of a record in SQL: views over its columns, and a connection that shows them and nothing else.

    accesses    one row for each execution of a statement, with all that its decision says and how it ended; and one
                for each statement that was refused before a rule was asked
    decisions   one row for each decision about a statement, as it was written in full
    refusals    each statement refused before a rule was asked: the engine was down, the server complained
    executions  each execution with the id of the decision it was done under, and how it ended
    readings    who read the record, or was denied it
    events      logins, sessions, the gateway's start and end, what was done at its command line

``opened`` gives a DuckDB connection that is locked: it reads these views; no file, no network, no extension and no
setting can be reached from its SQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from gateway.errors import ConfigError
from gateway.inquiry import Reading
from gateway.reports.query.layout import DECISIONS, EXECUTIONS, OTHERS, Layout, settings

if TYPE_CHECKING:
    import duckdb

_VIEWS: Final = {
    # Completions that lie in another piece than their executions: few, and looked up.
    "_late": """
        SELECT id, sum(rows)::BIGINT AS rows, sum(bytes)::BIGINT AS bytes, sum(subjects)::BIGINT AS subjects,
            sum(duration_us)::BIGINT AS duration_us, max(sqlstate) AS sqlstate
        FROM _others WHERE kind = 'completion' GROUP BY id""",
    "executions": """
        SELECT e.time, e.id, e.decision, coalesce(e.rows + l.rows, e.rows, l.rows) AS rows,
            coalesce(e.bytes + l.bytes, e.bytes, l.bytes) AS bytes,
            coalesce(e.subjects + l.subjects, e.subjects, l.subjects) AS subjects,
            coalesce(e.duration_us + l.duration_us, e.duration_us, l.duration_us) AS duration_us,
            greatest(e.sqlstate, l.sqlstate) AS sqlstate
        FROM _executions AS e LEFT JOIN _late AS l ON l.id = e.id""",
    "decisions": "SELECT * EXCLUDE (seq) FROM _decisions",
    "refusals": """
        SELECT time, id, session, door, datasource, profile, principal, subject, statement, effect, reason, detail,
            sqlstate, revision
        FROM _others WHERE kind = 'refusal' AND action = 'statement'""",
    "accesses": """
        SELECT e.time AS time, e.id AS id, e.decision AS decision, e.rows, e.bytes, e.subjects, e.duration_us,
            e.sqlstate, d.* EXCLUDE (time, id)
        FROM executions AS e JOIN decisions AS d ON d.id = e.decision
        UNION ALL BY NAME SELECT *, id AS decision FROM refusals""",
    "readings": """
        SELECT time, id, door, principal, subject, person, entity, location, origin, reading->>'what' AS what,
            reading->>'entity' AS about_entity, reading->>'principal' AS about_principal, effect, reason, rules,
            revision
        FROM _others WHERE action = 'audit.read'""",
    "events": """
        SELECT time, event, session, door, principal, datasource, profile, reason, detail
        FROM _others WHERE kind = 'event'""",
}
ANSWER: Final = "answer.parquet"  # what an answer may be written to, in the layout's scratch folder
PUBLIC: Final = tuple(name for name in _VIEWS if not name.startswith("_"))
_LOCKED: Final = (
    "SET enable_external_access = false",
    "SET python_enable_replacements = false",
    "SET lock_configuration = true",
)


def engine_there() -> None:
    """Raises ConfigError where the library is not installed."""
    try:
        import duckdb  # noqa: F401
    except ImportError:
        what = 'asking the record needs DuckDB, which is not installed here: pip install "sekisho[query]"'
        raise ConfigError([what]) from None


@contextmanager
def opened(layout: Layout, reading: Reading, *, free: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """A locked connection. ``free``: for SQL of anybody's, so that it holds no more than was asked for; else whoever
    asks narrows to that."""
    import duckdb

    with duckdb.connect(config=settings(layout.scratch, preserve_insertion_order=False)) as connection:
        for name, file in (("_executions", EXECUTIONS), ("_decisions", DECISIONS), ("_others", OTHERS)):
            paths = ", ".join(f"'{one.replace(chr(39), chr(39) * 2)}'" for one in layout.files(file))
            connection.execute(f"CREATE TEMP VIEW {name} AS SELECT * FROM read_parquet([{paths}])")  # noqa: S608
        allowed = [path for file in (EXECUTIONS, DECISIONS, OTHERS) for path in layout.files(file)]
        if free and (reading.entity is not None or reading.principal is not None):
            _only(connection, reading)
            allowed = []  # the files say more than was asked for: what of them may be seen is in memory now
        for name, query in _VIEWS.items():
            connection.execute(f"CREATE TEMP VIEW {name} AS {query}")
        answer = layout.scratch / ANSWER
        allowed += [str(answer), str(answer.with_name(f"tmp_{ANSWER}"))]  # which is how DuckDB writes a file
        connection.execute("SET allowed_paths = $paths", {"paths": allowed})
        for setting in _LOCKED:
            connection.execute(setting)
        yield connection


def _only(connection: duckdb.DuckDBPyConnection, reading: Reading) -> None:
    """Keep what is about these people. A refusal or an event says of nobody by whom they are employed."""
    wanted = {"entity": reading.entity, "principal": reading.principal}
    about = " AND ".join(f"{name} = ${name}" for name, value in wanted.items() if value is not None)
    given = {name: value for name, value in wanted.items() if value is not None}
    for name, query in (
        ("_decisions", f"SELECT * FROM _decisions WHERE {about}"),  # noqa: S608 - names of ours
        ("_executions", "SELECT * FROM _executions SEMI JOIN _decisions ON _decisions.id = _executions.decision"),
        (
            "_others",
            f"SELECT * FROM _others WHERE (kind = 'completion' AND id IN (SELECT id FROM _executions)) "  # noqa: S608
            f"OR (kind <> 'completion' AND {about})",
        ),
    ):
        connection.execute(f"CREATE TEMP TABLE kept AS {query}", given if "$" in query else None)
        connection.execute(f"DROP VIEW {name}")
        connection.execute(f"ALTER TABLE kept RENAME TO {name}")
