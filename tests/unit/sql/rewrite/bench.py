"""Statements rewritten, proved and run on real servers, over the corpus schema with a few more relations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from gateway.model import Mask, Obligation, RowFilter, RowLimit
from gateway.sql.catalog import Catalog
from gateway.sql.facts import read_facts
from gateway.sql.gate import inspect
from gateway.sql.rewrite import RewriteRefused, Rewritten, Style, prove, rewrite
from tests.golden.make_trees import OPTIONS, snapshot, trees_of
from tests.servers import Postgres

SCHEMA = Path(__file__).parents[3] / "bypass" / "schema.sql"
MAX_BYTES = 8 * 1024 * 1024
NONCE = "sekisho_0f3a9c"
PATH = ("app", "public")
MORE = """
ALTER TABLE app.users ADD COLUMN gone text;
ALTER TABLE app.users DROP COLUMN gone;
ALTER TABLE app.users ADD COLUMN nickname varchar(12);
UPDATE app.users SET nickname = 'nick' || id;
CREATE TABLE app.consent (user_id int PRIMARY KEY, country char(2), given boolean NOT NULL);
INSERT INTO app.consent VALUES (1, 'KR', true), (2, 'KR', false), (3, 'KR', true);
CREATE VIEW app.v_joined AS
  SELECT u.id, u.phone AS number, m.id AS message FROM app.users u JOIN app.messages m ON m.sender_id = u.id;
CREATE VIEW app.v_united AS SELECT phone AS p FROM app.users UNION ALL SELECT email FROM app.users;
CREATE VIEW app.v_distinct AS SELECT DISTINCT phone AS p FROM app.users;
CREATE VIEW app.v_with AS WITH w AS (SELECT id, phone FROM app.users) SELECT w.id, w.phone AS p FROM w;
CREATE TABLE app.every_type (
  id int PRIMARY KEY, t text, v varchar(5), c char(3), n name, s text COLLATE "C", i2 int2, i4 int4, i8 int8,
  num numeric, money_like numeric(30,25), f4 real, f8 double precision, d date, ts timestamp(3), tz timestamptz(0),
  b boolean, u uuid, j json, jb jsonb, by bytea, ip inet, arr varchar(7)[], iv interval day to second(2), bi bit(3),
  r int4range, mood app.mood);
"""
PHONE = Mask(relation="app.users", column="phone", method="null")
EMAIL = Mask(relation="app.users", column="email", method="domain")
TAIL = Mask(relation="app.users", column="phone_tail", method="partial")
KOREA = RowFilter(relation="app.users", predicate="korea")
FILTERS = {
    "korea": "country = 'KR'",
    "consent": "EXISTS (SELECT FROM app.consent c WHERE c.user_id = users.id AND c.given)",
    "broken": "true) OR (true",
    "tells": "country = 'KR' AND app.phone_eq(id, 'x')",
    "itself": "EXISTS (SELECT FROM app.messages m WHERE m.sender_id = users.id)",
}
MASKS = (PHONE, EMAIL, TAIL)


class Bench:
    """One database of a real server: the twin's side and the session's side of it."""

    def __init__(self, server: Postgres, name: str) -> None:
        self.twin: psycopg.Connection[Any] = psycopg.connect(
            **server.parameters(name), options=OPTIONS.replace("=pg_temp", "=app,public,pg_temp"), autocommit=True
        )
        self.session: psycopg.Connection[Any] = psycopg.connect(
            **server.parameters(name), options="-c search_path=app,public,pg_temp", autocommit=True
        )
        self.major = self.twin.info.server_version // 10000
        self.catalog = Catalog.from_rows(self.major, snapshot(self.twin))

    def rewrite(
        self,
        text: str,
        *obligations: Obligation,
        types: Sequence[int] = (),
        filters: dict[str, str] | None = None,
        style: Style | None = None,
    ) -> Rewritten:
        """Rewrite and prove, as a door would have it."""
        (statement,) = inspect(text, max_bytes=1_000_000)
        original = trees_of(self.twin, statement.subject, tuple(types))
        facts = read_facts(statement.kind, original, self.catalog, max_tree_bytes=MAX_BYTES)
        made = rewrite(
            statement.text,
            obligations,
            catalog=self.catalog,
            search_path=PATH,
            nonce=NONCE,
            facts=facts,
            trees=original,
            filters=FILTERS if filters is None else filters,
            style=style,
        )
        (again,) = inspect(made.text, max_bytes=1_000_000)
        assert again.kind == statement.kind
        try:
            changed = trees_of(self.twin, again.subject, tuple(types))
        except psycopg.Error as error:
            raise RewriteRefused.by_server(error.diag.message_primary or str(error).split("\n")[0]) from error
        prove(
            made,
            original=original,
            changed=changed,
            references={one: trees_of(self.twin, one) for one in made.references},
            catalog=self.catalog,
            max_tree_bytes=MAX_BYTES,
        )
        return made

    def rows(self, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What a session gets."""
        return self.session.execute(text, parameters or None).fetchall()

    def described(self, text: str, types: Sequence[int] = ()) -> list[tuple[str, int, int]]:
        """RowDescription: name, type and modifier of every column, and the parameters' types."""
        connection = self.session.pgconn
        assert connection.prepare(b"", text.encode(), tuple(types)).status == psycopg.pq.ExecStatus.COMMAND_OK
        found = connection.describe_prepared(b"")
        columns = [((found.fname(n) or b"").decode(), found.ftype(n), found.fmod(n)) for n in range(found.nfields)]
        return columns + [("$", found.param_type(n), 0) for n in range(found.nparams)]


def open_bench(server: Postgres, name: str) -> Bench:
    """A fresh database of that name."""
    text = "\n".join(line for line in SCHEMA.read_text().split("\n") if not line.startswith("CREATE EXTENSION"))
    with server.admin() as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    server.load(text, name)
    server.load("CREATE TYPE app.mood AS ENUM ('good', 'bad');\n" + MORE, name)
    return Bench(server, name)


def close_bench(server: Postgres, name: str, bench: Bench) -> None:
    """Drop it."""
    bench.twin.close()
    bench.session.close()
    with server.admin() as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def obligation(case: dict[str, Any]) -> Obligation:
    """An obligation as the golden files write it."""
    if "mask" in case:
        relation, _, column = case["mask"].rpartition(".")
        return Mask(relation=relation, column=column, method=case["method"])
    if "filter" in case:
        return RowFilter(relation=case["relation"], predicate=case["filter"])
    return RowLimit(rows=case["limit"])
