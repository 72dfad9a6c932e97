"""Masks, row filters and row limits through the postgres door, seen by real drivers."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest
import yaml

from gateway.demo.characters import SATO, SUZUKI, TANAKA
from gateway.demo.database import Database
from gateway.links.sources import packaged_policies
from gateway.sql.provision import KEEPER, SCHEMA, ProfileGrants, provision_sql
from tests.houses import House
from tests.integration.postgres_wire import SYNC, Wire, bind, errors, execute, parse, rows, until
from tests.worlds import REGISTRY

pytestmark = pytest.mark.integration

# Sato reads contact data masked, Suzuki people in Korea only, Tanaka three rows at most.
RULES = """
obligations contains {"rule": "house-trip-mask", "kind": "mask", "relation": "public.users",
  "column": column.column, "method": {"phone": "partial", "email": "domain"}[column.column]} if {
	endswith(input.principal.id, "#sato")
	some column in input.data.columns
	column.relation == "public.users"
	column.column in {"phone", "email"}
}

obligations contains {"rule": "house-trip-mask", "kind": "row_filter", "relation": "public.users",
  "predicate": "koreans"} if {
	endswith(input.principal.id, "#suzuki")
	"public.users" in input.statement.relations
}

obligations contains {"rule": "house-trip-mask", "kind": "row_limit", "rows": 3} if {
	endswith(input.principal.id, "#tanaka")
	input.data.about_people
}
"""


def policies(folder: Path, rules: str) -> Path:
    target = folder / "policies"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(packaged_policies(), target)
    location = target / "house" / "location" / "location.rego"
    location.write_text(location.read_text() + rules)
    return target


def registry(folder: Path) -> Path:
    target = folder / "registry"
    shutil.copytree(REGISTRY, target)
    catalog = yaml.safe_load((target / "catalog.yaml").read_text())
    catalog["datasources"][0]["row_filters"] = {"koreans": "country = 'KR'"}
    (target / "catalog.yaml").write_text(yaml.safe_dump(catalog))
    return target


@pytest.fixture(scope="module")
def narrowed(messenger: Database) -> Iterator[House]:
    with tempfile.TemporaryDirectory(prefix="sekisho-narrow-") as directory:
        folder = Path(directory)
        settings = {
            "policy": {"directory": str(policies(folder, RULES))},
            "registry": {"directory": str(registry(folder)), "delivery": "edited"},
        }
        (folder / "house").mkdir()
        house = House(folder / "house", messenger, settings).start()
        yield house
        house.stop()


@pytest.fixture(scope="module")
def truth(messenger: Database) -> list[tuple[Any, ...]]:
    """The rows as they are."""
    with messenger.connect() as admin:
        return admin.execute("SELECT id, name, phone, email, country FROM users ORDER BY id").fetchall()


def masked(phone: str | None) -> str | None:
    return None if phone is None else "***" + phone[-4:]


def test_masked_columns_keep_name_and_type(narrowed: House, truth: list[tuple[Any, ...]]) -> None:
    with narrowed.connect(SATO) as connection:
        cursor = connection.execute("SELECT id, phone, email FROM users ORDER BY id LIMIT 5")
        assert cursor.description is not None
        assert [(column.name, column.type_code) for column in cursor.description] == [
            ("id", cursor.description[0].type_code),
            ("phone", 25),
            ("email", 25),
        ]
        shown = cursor.fetchall()
    assert shown == [(row[0], masked(row[2]), row[3].split("@")[1]) for row in truth[:5]]


def test_predicates_see_the_mask(narrowed: House, truth: list[tuple[Any, ...]]) -> None:
    whole = truth[0][2]
    with narrowed.connect(SATO) as connection:
        assert connection.execute("SELECT count(*) FROM users WHERE phone = %s", (whole,)).fetchone() == (0,)
        found = connection.execute("SELECT id FROM users WHERE phone = %s", (masked(whole),)).fetchall()
    assert (truth[0][0],) in found


@pytest.mark.parametrize("binary", [False, True])
def test_parameters_and_prepared_statements(narrowed: House, truth: list[tuple[Any, ...]], binary: bool) -> None:
    with narrowed.connect(SATO) as connection, connection.cursor(binary=binary) as cursor:
        for row in truth[:4]:
            cursor.execute("SELECT phone FROM users WHERE id = %s", (row[0],), prepare=True)
            assert cursor.fetchone() == (masked(row[2]),)


def test_joins_views_of_the_statement_and_aggregates(narrowed: House) -> None:
    with narrowed.connect(SATO) as connection:
        joined = connection.execute(
            "WITH them AS (SELECT id, phone FROM users) SELECT t.phone, count(*) FROM them t JOIN messages m "
            "ON m.sender_id = t.id GROUP BY t.phone"
        ).fetchall()
    assert joined
    assert all(phone.startswith("***") for phone, _ in joined)


def test_copy_and_explain(narrowed: House) -> None:
    with narrowed.connect(SATO) as connection:
        with connection.cursor().copy("COPY (SELECT phone FROM users) TO STDOUT") as copy:
            lines = [bytes(line).decode().rstrip("\n") for line in copy]
        assert lines
        assert all(line.startswith("***") for line in lines)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="write COPY"):
            connection.execute("COPY users (phone) TO STDOUT")
        plan = connection.execute("EXPLAIN SELECT phone FROM users").fetchall()
        assert "Scan on users" in plan[0][0]


def test_only_rows_of_the_filter(narrowed: House, truth: list[tuple[Any, ...]]) -> None:
    koreans = [(row[0],) for row in truth if row[4] == "KR"]
    with narrowed.connect(SUZUKI) as connection:
        assert connection.execute("SELECT id FROM users ORDER BY id").fetchall() == koreans
        assert connection.execute("SELECT count(*) FROM users WHERE country <> 'KR'").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM stickers").fetchone() != (0,)


def test_the_row_limit_also_under_a_larger_one(narrowed: House) -> None:
    with narrowed.connect(TANAKA) as connection:
        assert len(connection.execute("SELECT id FROM moderation_queue").fetchall()) == 3
        assert len(connection.execute("SELECT id FROM moderation_queue LIMIT 100").fetchall()) == 3
        assert len(connection.execute("SELECT id FROM moderation_queue LIMIT %s", (2,)).fetchall()) == 2


def test_a_write_under_a_mask_is_denied_with_the_reason(narrowed: House) -> None:
    with narrowed.connect(SATO) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
        connection.execute("UPDATE users SET name = phone WHERE id = 1")
    assert "only statements that read" in str(caught.value)
    assert "Rule: house-obligation-supported (house rule)" in (caught.value.diag.message_detail or "")


def test_asyncpg_sees_masks_in_binary(narrowed: House, truth: list[tuple[Any, ...]]) -> None:
    async def read() -> list[Any]:
        parameters = narrowed.parameters(SATO)
        connection = await asyncpg.connect(
            host=parameters["host"],
            port=parameters["port"],
            database=parameters["dbname"],
            user=parameters["user"],
            password=parameters["password"],
            ssl=False,
        )
        try:
            return [await connection.fetchval("SELECT phone FROM users WHERE id = $1", row[0]) for row in truth[:3]]
        finally:
            await connection.close()

    assert asyncio.run(read()) == [masked(row[2]) for row in truth[:3]]


def test_the_record_holds_the_obligations(narrowed: House) -> None:
    with narrowed.connect(SATO) as connection:
        connection.execute("SELECT email FROM users WHERE id = 2")
    (entry,) = [one for one in narrowed.entries("decision") if one["statement"]["text"].startswith("SELECT email")]
    assert entry["obligations"] == [{"kind": "mask", "relation": "public.users", "column": "email", "method": "domain"}]


def test_a_statement_prepared_before_a_mask_was_asked_for_does_not_run(new_house, tmp_path: Path) -> None:
    """The server holds the statement as it was allowed then: it must be prepared again, and drivers know the words."""
    folder = policies(tmp_path, "")
    house = new_house({"policy": {"directory": str(folder)}})
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire, house.connect(SATO) as connection:
        text = "SELECT phone FROM users WHERE id = 1"
        wire.send(parse(text, "s") + bind("s") + execute() + SYNC)
        assert rows(wire.until(b"Z")) == 1

        def revision() -> str:
            return house.on_loop(lambda: house.application.desk._world.policy_revision)

        before = revision()
        location = folder / "house" / "location" / "location.rego"
        location.write_text(location.read_text() + RULES)
        until(lambda: revision() != before)
        wire.send(bind("s") + execute() + SYNC)
        answer = wire.until(b"Z")
        assert (errors(answer), rows(answer)) == (["0A000"], 0)
        wire.send(parse(text, "t") + bind("t") + execute() + SYNC)
        answer = wire.until(b"Z")
        assert (errors(answer), rows(answer)) == ([], 1)
        shown = next(body for kind, body in answer if kind == b"D")
        assert b"***" in shown
        assert connection.execute("SELECT phone FROM users WHERE id = 1").fetchone()[0].startswith("***")


def test_prepare_and_declare_carry_the_obligations_of_what_is_inside(
    narrowed: House, truth: list[tuple[Any, ...]]
) -> None:
    shown = [(row[0], masked(row[2])) for row in truth[:3]]
    with narrowed.connect(SATO, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("PREPARE p(int, text) AS SELECT id, phone, $2 FROM users WHERE id <= $1 ORDER BY id;")
        found = connection.execute("EXECUTE p(%s, 'x')", (truth[2][0],)).fetchall()
        assert found == [(*row, "x") for row in shown]
        plan = connection.execute("EXPLAIN EXECUTE p(1, 'x')").fetchall()
        assert plan
        bound = connection.pgconn.exec_prepared(b"p", [str(truth[0][0]).encode(), b"y"])
        assert bound.get_value(0, 1) == str(shown[0][1]).encode()
        connection.execute(" DECLARE k SCROLL CURSOR WITH HOLD FOR SELECT id, phone FROM users ORDER BY id")
        assert connection.execute("FETCH 2 FROM k").fetchall() == shown[:2]
        connection.execute("MOVE 0 IN k")
        assert connection.execute("FETCH NEXT FROM k").fetchall() == shown[2:]
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="send them one by one"):
            connection.execute("PREPARE q AS SELECT phone FROM users; EXECUTE q")
    with narrowed.connect(TANAKA, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("DECLARE k CURSOR WITH HOLD FOR SELECT id FROM moderation_queue")
        assert len(connection.execute("FETCH ALL FROM k").fetchall()) == 3
        assert connection.execute("FETCH ALL FROM k").fetchall() == []


def test_a_cursor_opened_under_other_obligations_gives_nothing(new_house: Callable[..., House], tmp_path: Path) -> None:
    folder = policies(tmp_path, "")
    house = new_house({"policy": {"directory": str(folder)}})

    def revision() -> str:
        return house.on_loop(lambda: house.application.desk._world.policy_revision)  # type: ignore[union-attr, no-any-return]

    with house.connect(SATO, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("DECLARE k CURSOR WITH HOLD FOR SELECT phone FROM users ORDER BY id")
        connection.execute("PREPARE p AS SELECT phone FROM users ORDER BY id")
        assert connection.execute("FETCH k").rowcount == 1
        before = revision()
        location = folder / "house" / "location" / "location.rego"
        location.write_text(location.read_text() + RULES)
        until(lambda: revision() != before)
        for text in ("FETCH k", "EXECUTE p"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="other masks"):
                connection.execute(text)
        connection.execute("CLOSE k; DEALLOCATE p")
        connection.execute("DECLARE k CURSOR WITH HOLD FOR SELECT phone FROM users")
        assert connection.execute("FETCH k").fetchone()[0].startswith("***")  # type: ignore[index]


# ------------------------------------------------------------------------------------------------------ the keyed hash

HASHED = """
obligations contains {"rule": "house-trip-mask", "kind": "mask", "relation": "public.users",
  "column": "phone", "method": "hash"} if {
	some column in input.data.columns
	column.column == "phone"
}
"""


@pytest.fixture
def keyed(messenger: Database) -> Iterator[psycopg.Connection[Any]]:
    """The messenger's database, provisioned with the keyed hash."""
    profiles = (ProfileGrants(role="sekisho_engineer", grants=()),)
    with messenger.connect() as admin:
        admin.execute(
            provision_sql(
                database=admin.info.dbname, twin_role="sekisho_twin", profiles=profiles, keyed_hash=True
            ).encode()
        )
        yield admin
        admin.execute(f"DROP SCHEMA {SCHEMA} CASCADE; DROP OWNED BY {KEEPER}; DROP ROLE {KEEPER}".encode())


@pytest.mark.parametrize("strict", [False, True])
def test_the_keyed_hash_keeps_equal_values_equal_and_nobody_can_try_values_out(
    keyed: psycopg.Connection[Any], new_house, tmp_path: Path, truth: list[tuple[Any, ...]], strict: bool
) -> None:
    settings: dict[str, Any] = {"policy": {"directory": str(policies(tmp_path, HASHED))}}
    loud = keyed.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'sekisho%r' AND rolconfig IS NULL").fetchall()
    roles = [str(name).encode() for (name,) in loud if strict]
    for role in roles:
        keyed.execute(b"ALTER ROLE %s SET log_min_messages = panic" % role)
    house = new_house(settings, strict=strict)
    try:
        with house.connect(SATO) as connection:
            shown = connection.execute("SELECT id, phone FROM users WHERE id < 6 ORDER BY id").fetchall()
            expected = keyed.execute(
                "SELECT id, sekisho.keyed_hash(phone) FROM users WHERE id < 6 ORDER BY id"
            ).fetchall()
            assert shown == expected
            assert len({value for _, value in shown}) == len(shown)
            assert connection.execute("SELECT count(*) FROM users WHERE phone = %s", (shown[0][1],)).fetchone() == (1,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="could not be established"):
                connection.execute("SELECT sekisho.keyed_hash('+81 90-0000-0259')")
    finally:
        for role in roles:
            keyed.execute(b"ALTER ROLE %s RESET log_min_messages" % role)


def test_a_hash_that_somebody_else_made_is_none(keyed: psycopg.Connection[Any], new_house, tmp_path: Path) -> None:
    keyed.execute(
        "CREATE OR REPLACE FUNCTION sekisho.keyed_hash(value text) RETURNS text LANGUAGE sql STABLE STRICT "
        "SECURITY DEFINER AS 'SELECT value'"
    )
    house = new_house({"policy": {"directory": str(policies(tmp_path, HASHED))}})
    with (
        house.connect(SATO) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="allowed only with"),
    ):
        connection.execute("SELECT phone FROM users WHERE id = 1")
