"""PostgreSQL as judge of facts: are they enough to run the statement, are they needed, and does the rest not count?

Three questions about every statement whose facts are complete, each asked in a transaction that is rolled back:

``sound``     as a role that holds exactly the columns the facts claim, the server must not say 42501.
``tight``     with one claimed column taken away it should.
``deaf``      as a role that may do everything, the protected columns that are *not* claimed get other values: the
              result must be the same, byte for byte, and hold no sentinel of them. This sees through what privileges
              do not reach: functions of their owner, views, rules.

What makes it strict. Views are ``security_invoker`` (from 15 on), so their base columns are asked of the statement's
role. A relation without a claimed column gets one at random, as ``count(*)`` needs any. Each of these is granted only
when the statement fails without it, and is counted apart:

- what a view merely passes on (`relations.PASSED_ON`): whoever reads such a view needs it, whatever he asks of it, and
  facts leave the unread ones out;
- the columns claimed as a whole row only: ON CONFLICT claims it where it names none, as every key counts.

A column taken away that is not missed is counted apart where the server was not the one to ask: it failed before it
looked at privileges, or a view's owner, a rule's owner or a policy reads the column.

Free are the views themselves and columns of the server's own bookkeeping (ctid …).
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import DiagnosticField, ExecStatus

from gateway.model import ColumnUseKind, StatementEffect, StatementFacts
from gateway.sql.catalog import Catalog
from gateway.sql.facts import read_facts
from gateway.sql.gate import Refused, inspect
from tests.golden.make_trees import OPTIONS, snapshot, trees_of
from tests.property.oracle.relations import CHILDREN, MADE_OF, PASSED_ON, PROTECTED, SENTINELS
from tests.property.oracle.tally import Tally
from tests.servers import Postgres

SCHEMA = Path(__file__).parents[2] / "bypass" / "schema.sql"
EXTRA = Path(__file__).with_name("extra.sql")
MAX_BYTES = 8 * 1024 * 1024
PROBE = "oracle_probe"
_GOOD = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK, ExecStatus.SINGLE_TUPLE, ExecStatus.EMPTY_QUERY)
_READS = {ColumnUseKind.OUTPUT, ColumnUseKind.PREDICATE, ColumnUseKind.ARRANGE}
_BREATH = 400  # statements between two VACUUMs: rolled back rows are dead rows
_SEED = "SET LOCAL seed = 0.5"  # of random(): the same numbers each time
_TIMEOUT = "57014"
_SENTINEL = re.compile(SENTINELS)
_RULED = "app.ruled"
_BY_POLICY = ("app.notes", "user_id")
_SAMPLE = re.compile(r"\bTABLESAMPLE\b(?!.*\bREPEATABLE\b)", re.IGNORECASE | re.DOTALL)  # other rows each time
_LOCK = re.compile(r"\bFOR\s+(UPDATE|SHARE|NO\s+KEY|KEY\s+SHARE)\b", re.IGNORECASE)
_LABELLED = {*PROTECTED, *(child for children in CHILDREN.values() for child in children), "app.mv_contacts"}


def _system(name: str) -> bool:
    return name.startswith(("pg_catalog.", "information_schema."))


def _difference(first: Answer, again: Answer, second: Answer) -> str:
    """What the other values changed, apart from what is not the same twice anyway (a clock, places of rows)."""
    if first.sqlstate != second.sqlstate or len(first.rows) != len(second.rows):
        return f"{first.sqlstate or len(first.rows)} became {second.sqlstate or len(second.rows)}"
    if first.rows == again.rows:
        return next((f"{a!r} became {b!r}" for a, b in zip(first.rows, second.rows, strict=True) if a != b), "")
    # A clock in a row can change the order of rows too: each column by itself, in any order.
    for one, repeated, changed in zip(
        *(zip(*answer.rows, strict=True) for answer in (first, again, second)), strict=True
    ):
        a, b, c = (sorted(map(repr, column)) for column in (one, repeated, changed))
        if a == b != c:
            return f"{a!r} became {c!r}"
    return ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: an SQLSTATE and words, or rows."""

    sqlstate: str = ""
    words: str = ""
    rows: tuple[tuple[bytes | None, ...], ...] = ()

    @property
    def refused(self) -> bool:
        return self.sqlstate == "42501"


@dataclass(slots=True)
class Claims:
    """What the facts say, as privileges."""

    read: dict[str, set[str]] = field(default_factory=dict)
    rows: dict[str, set[str]] = field(default_factory=dict)  # claimed only as a whole row
    written: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, facts: StatementFacts) -> Claims:
        made = cls()
        for use in facts.columns:
            if use.use is ColumnUseKind.WRITE_TARGET:
                made.written.setdefault(use.relation, set()).add(use.column)
            elif use.use is ColumnUseKind.WHOLE_ROW:
                made.rows.setdefault(use.relation, set()).add(use.column)
            elif use.use in _READS:
                made.read.setdefault(use.relation, set()).add(use.column)
        return made


class Judge:
    """One database of a real server, with a connection that analyses and one that runs."""

    def __init__(self, server: Postgres, database: str, tally: Tally) -> None:
        self.server, self.database, self.tally = server, database, tally
        self.major = server.major
        self._load()
        self.twin = psycopg.connect(**server.parameters(database), options=f"{OPTIONS} -c role=gw_app", autocommit=True)
        self.probe = psycopg.connect(**server.parameters(database), autocommit=True)
        self.catalog = Catalog.from_rows(self.major, snapshot(self.twin))
        self.columns = {r.full_name: [c.name for c in r.columns.values()] for r in self.catalog.relations.values()}
        self.views = {r.full_name for r in self.catalog.relations.values() if r.kind == "v" and not r.system}
        self.protected = {name: found for name, found in PROTECTED.items() if name in self.columns}
        self.played = 0

    def close(self) -> None:
        """End the connections and drop the database."""
        self.twin.close()
        self.probe.close()
        with self.server.admin() as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")

    def _load(self) -> None:
        lines = [line for line in SCHEMA.read_text().split("\n") if not line.startswith("CREATE EXTENSION")]
        if self.major < 14:
            lines = [line for line in lines if "BEGIN ATOMIC" not in line]
        schema = "\n".join(lines)
        extra = EXTRA.read_text()
        if self.major >= 18:
            extra += (
                "CREATE TABLE app.virtual (id int PRIMARY KEY, secret text,"
                " tail text GENERATED ALWAYS AS (right(secret, 4)) VIRTUAL);"
                "INSERT INTO app.virtual VALUES (1, 'SECRETNOTE-V'); GRANT ALL ON app.virtual TO gw_app; ANALYZE;"
            )
        with self.server.admin() as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
            admin.execute(f"CREATE DATABASE {self.database} TEMPLATE template0")
        with self.server.admin(self.database) as admin:
            for part in (schema, extra):
                result = admin.pgconn.exec_(part.encode())
                assert result.status in _GOOD, result.error_message.decode()
        self.server.role(PROBE, options="NOLOGIN NOINHERIT NOSUPERUSER")
        with self.server.admin(self.database) as admin:
            admin.execute(f"GRANT USAGE ON SCHEMA app, ops TO {PROBE}")
            admin.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA app TO {PROBE}")
            rows = admin.execute(
                "SELECT format('%I.%I', n.nspname, c.relname), c.relkind "
                "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                "WHERE n.nspname IN ('app', 'ops', 'scratch') "
                "AND c.relkind IN ('r', 'p', 'v', 'm')"
            ).fetchall()
            for name, kind in rows:
                if kind == "v":
                    admin.execute(f"GRANT ALL ON {name} TO {PROBE}")
                    if self.major >= 15:
                        admin.execute(f"ALTER VIEW {name} SET (security_invoker = true)")
                else:
                    admin.execute(f"GRANT SELECT (ctid, xmin, cmin, xmax, cmax, tableoid) ON {name} TO {PROBE}")

    # --- facts ------------------------------------------------------------------------------------------------------

    def facts(self, text: str) -> StatementFacts:
        """Facts of a statement, gate included. Raises psycopg.Error where the server does not take it."""
        trees = trees_of(self.twin, text)
        try:
            statements = inspect(text, max_bytes=MAX_BYTES)
        except Refused as refused:
            return StatementFacts(
                kind="",
                effect=StatementEffect.NONE,
                complete=False,
                incomplete=str(refused.code),
                detail=refused.detail,
            )
        (statement,) = statements
        return read_facts(statement.kind, trees, self.catalog, max_tree_bytes=MAX_BYTES)

    # --- one statement ----------------------------------------------------------------------------------------------

    def play(self, text: str, chance: random.Random, features: set[str] | None = None) -> str | None:
        """Judge one statement; the first thing found against its facts, or None."""
        tally = self.tally
        try:
            facts = self.facts(text)
        except psycopg.Error as error:
            tally.rejected[error.sqlstate or "?"] += 1
            return None
        detail = re.sub(r"\d{4,}", "N", facts.detail)
        tally.note(text, facts.incomplete or "", detail, features or set())
        labelled = any(name in text for name in _LABELLED)
        if labelled:
            tally.labelled["complete" if facts.complete else "refused"] += 1
        if not facts.complete:
            return None
        self.played += 1
        if self.played % _BREATH == 0:
            self.probe.execute("VACUUM")
        found = self.sound(text, facts, chance) or self.deaf(text, facts)
        if found is not None:
            tally.unsound.append({"sql": text, "found": found})
        return found

    def sound(self, text: str, facts: StatementFacts, chance: random.Random) -> str | None:
        """Run it with exactly what the facts claim; then, if it ran, with one column less."""
        claims = Claims.of(facts)
        locks = _LOCK.search(text) is not None
        attempts: list[tuple[str, str]] = [("", "")]
        views = [view for view in PASSED_ON if view in text and view in self.views]
        if views:
            attempts.append(("with what the views pass on", "views"))
        if claims.rows:
            attempts.append(("with whole rows", "rows"))
        if views and claims.rows:
            attempts.append(("with both", "views rows"))
        answer = Answer()
        used = ""
        for label, more in attempts:
            grants = self._grants(text, facts, claims, chance, more.split(), views, locks=locks)
            answer = self._run(text, [*grants, "SAVEPOINT s", f"SET LOCAL ROLE {PROBE}"], keep=True)
            used = label
            if not answer.refused:
                break
            self._exec("ROLLBACK")
        if answer.refused:
            full = self._run(text, ["SET LOCAL ROLE gw_app"])
            if full.refused:
                self.tally.ran["42501 whoever asks"] += 1
                return None
            return f"permission: {answer.words.strip()}"
        self.tally.ran[f"{answer.sqlstate or 'ok'}{' ' + used if used else ''}"] += 1
        self._taken_away(text, claims, chance, views=bool(views))
        self._exec("ROLLBACK")
        return None

    def _taken_away(self, text: str, claims: Claims, chance: random.Random, *, views: bool) -> None:
        """In the same transaction: one claimed column less."""
        children = {child for kids in CHILDREN.values() for child in kids if child not in text}
        children |= {name for name in claims.read if name.startswith("app.events_")}
        read = {name: found for name, found in claims.read.items() if name not in children and not _system(name)}
        pairs = sorted((name, column) for name, found in read.items() for column in found)
        if not pairs:
            return
        name, column = pairs[chance.randrange(len(pairs))]
        self._exec("ROLLBACK TO s")
        self._exec(f"REVOKE SELECT ({column}) ON {name} FROM {PROBE}")
        self._exec(f"SET LOCAL ROLE {PROBE}")
        answer = self._answer(text)
        why = ""
        if views:
            why = " (view)"
        elif _RULED in text:
            why = " (rule)"
        elif (name, column) == _BY_POLICY:
            why = " (policy)"
        elif answer.sqlstate:
            why = " (it fails before)"
        self.tally.tight["42501" if answer.refused else f"not needed{why}"] += 1
        if not answer.refused and not why and len(self.tally.loose) < 40:
            self.tally.loose.append({"sql": text, "column": f"{name}.{column}"})

    def _grants(
        self,
        text: str,
        facts: StatementFacts,
        claims: Claims,
        chance: random.Random,
        more: Sequence[str],
        views: Sequence[str],
        *,
        locks: bool,
    ) -> list[str]:
        read = {name: set(found) for name, found in claims.read.items()}
        if "rows" in more or facts.effect is StatementEffect.READ:
            for name, found in claims.rows.items():
                read.setdefault(name, set()).update(found)
        if "views" in more:
            for view in views:
                name, passed = PASSED_ON[view]
                read.setdefault(name, set()).update(passed)
                if f"INTO {view}" in text:
                    read[name].add("phone")  # what its WHERE reads, although an INSERT does not evaluate it
        grants = []
        for name in facts.relations:
            if _system(name) or name in self.views or name not in self.columns:
                continue
            any_column = self.columns[name][chance.randrange(len(self.columns[name]))]
            shown = sorted(read.get(name, ())) or [any_column]
            rights = [f"SELECT ({', '.join(shown)})"]
            written = sorted(claims.written.get(name, ()))
            if facts.effect is StatementEffect.WRITE:
                rights.append("DELETE")
                if written:
                    rights += [f"INSERT ({', '.join(written)})", f"UPDATE ({', '.join(written)})"]
                else:
                    rights.append(f"INSERT ({any_column})")
            if locks and not written:
                rights.append(f"UPDATE ({any_column})")
            grants.append(f"GRANT {', '.join(rights)} ON {name} TO {PROBE}")
        return grants

    def deaf(self, text: str, facts: StatementFacts) -> str | None:
        """The same result, whatever stands in protected columns that the facts do not name."""
        claimed = {(use.relation, use.column) for use in facts.columns if use.use is not ColumnUseKind.WRITE_TARGET}
        same, other, silent = [], [], True
        for name, columns in self.protected.items():
            family = (name, *CHILDREN.get(name, ()))
            free = []
            for column in columns:
                names = [column, *([MADE_OF[name, column]] if (name, column) in MADE_OF else [])]
                if any((member, c) in claimed for member in family for c in names):
                    silent = False
                else:
                    free.append(column)
            if free:
                same.append(f"UPDATE {name} SET {', '.join(f'{c} = {c}' for c in free)}")
                other.append(f"UPDATE {name} SET {', '.join(f'{c} = {columns[c].format(c)}' for c in free)}")
        if ("app.mv_contacts", "e") in claimed:
            silent = False
        everything = ["SET LOCAL ROLE gw_app"]
        why = ""
        for look in range(2):
            first = self._run(text, [*same, *everything])
            if silent and any(value is not None and _SENTINEL.search(value) for row in first.rows for value in row):
                return "sentinel: a protected value came back, and no protected column is claimed"
            if not same or first.sqlstate == _TIMEOUT or _SAMPLE.search(text):
                return None
            second = self._run(text, [*other, *everything])
            if (first.sqlstate, first.rows) == (second.sqlstate, second.rows):
                self.tally.compared["same"] += 1
                return None
            unordered = look == 1 and "ORDER BY" not in text and first.sqlstate == second.sqlstate
            if unordered and sorted(map(repr, first.rows)) == sorted(map(repr, second.rows)):
                self.tally.compared["same, in another order"] += 1
                return None
            again = self._run(text, [*same, *everything])
            if (first.sqlstate, len(first.rows)) != (again.sqlstate, len(again.rows)):
                self.tally.compared["not the same twice"] += 1
                return None
            why = _difference(first, again, second)
            if not why:
                self.tally.compared["same where it is the same twice"] += 1
                return None
            self.probe.execute("VACUUM FULL")  # places of rows may have counted: once more from a clean state
        return f"difference: {why}"

    # --- the wire ---------------------------------------------------------------------------------------------------

    def _run(self, text: str, before: Sequence[str], *, keep: bool = False) -> Answer:
        """The statement after others, in one transaction; rolled back unless kept."""
        done = self._exec("; ".join(["BEGIN", "SET LOCAL statement_timeout = 1000", _SEED, *before]))
        if done.sqlstate:
            self._exec("ROLLBACK")
            raise AssertionError(f"the judge's own statement failed: {done.words} in {before}")
        answer = self._answer(text)
        if not keep:
            self._exec("ROLLBACK")
        return answer

    def _exec(self, text: str) -> Answer:
        return self._answer(text)

    def _answer(self, text: str) -> Answer:
        result: Any = self.probe.pgconn.exec_(text.encode())
        if result.status not in _GOOD:
            state = result.error_field(DiagnosticField.SQLSTATE) or b"?????"
            return Answer(state.decode(), result.error_message.decode(errors="replace"))
        rows = tuple(tuple(result.get_value(r, c) for c in range(result.nfields)) for r in range(result.ntuples))
        return Answer(rows=rows)
