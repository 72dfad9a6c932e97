"""A search_path per session: whatever moves it, a statement is judged under the path it runs under, or it is refused.

`public.stickers` is nobody's data and open to everybody; `other.stickers` is a view of phone numbers, which Li in
Shanghai may not read. Each text must give the rows of the one, or the denial of the other, that the server's own path
asks for; a row that says LEAK was judged under another path than it ran under.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from gateway.demo.characters import LI
from gateway.demo.database import Database
from gateway.demo.settings import DATASOURCE
from gateway.model import DatasourceId
from gateway.pgwire.messages import decode_fields
from tests.houses import House
from tests.integration.postgres_wire import SYNC, Wire, bind, errors, execute, new_entries, parse, query, rows, until

pytestmark = pytest.mark.integration

ASKED = "SELECT name FROM stickers ORDER BY id LIMIT 1"
OPEN, DENIED = "open", "denied"
SCHEMA = """
CREATE SCHEMA other;
CREATE VIEW other.stickers AS SELECT id, 'LEAK ' || phone AS name FROM public.users;
CREATE SCHEMA empty;
GRANT USAGE ON SCHEMA other, empty TO sekisho_engineer, sekisho_moderator;
GRANT SELECT ON other.stickers TO sekisho_engineer, sekisho_moderator;
"""


@pytest.fixture(scope="module")
def schemas(messenger: Database) -> Iterator[None]:
    with messenger.connect() as admin:
        admin.execute(SCHEMA)
    yield
    with messenger.connect() as admin:
        admin.execute("DROP SCHEMA other, empty CASCADE")


@pytest.fixture(params=["twin", "strict"])
def somewhere(request: pytest.FixtureRequest, schemas: None) -> House:
    """A gateway whose twin is asked, and one whose sessions are asked themselves."""
    house: House = request.getfixturevalue("house" if request.param == "twin" else "strict_house")
    with house.connect(LI) as connection:
        until(lambda: seen(connection, "SELECT name FROM other.stickers LIMIT 1") == DENIED)
    return house


def seen(connection: psycopg.Connection[Any], text: str, **options: Any) -> str:
    """What became of a text: open, denied, or the server's SQLSTATE."""
    try:
        found = connection.execute(text, **options).fetchall()
    except psycopg.errors.InsufficientPrivilege as error:
        detail = str(error.diag.message_detail)
        assert "Reason: policy_denied" in detail or "Rule" in detail or "rule" in detail or "path" in detail, detail
        return DENIED
    except psycopg.Error as error:
        return str(error.sqlstate)
    assert "LEAK" not in repr(found), text
    return OPEN


MOVES = {
    "set": (["SET search_path TO other"], DENIED),
    "set session": (["SET SESSION search_path TO 'other', \"public\""], DENIED),
    "set schema": (["SET SCHEMA 'other'"], DENIED),
    "second in the list": (["SET search_path = empty, other, public"], DENIED),
    "not first": (["SET search_path = public, other"], OPEN),
    "function": (["SELECT pg_catalog.set_config('search_path', 'empty, \"other\"', false)"], DENIED),
    "function by its name": (["SELECT set_config('SEARCH_PATH', 'other', false) AS x"], DENIED),
    "and back": (["SET search_path TO other", "SET search_path = public"], OPEN),
    "reset": (["SET search_path TO other", "RESET search_path"], OPEN),
    "default": (["SET search_path TO other", "SET search_path TO DEFAULT"], OPEN),
    "reset all": (["SET search_path TO other", "RESET ALL"], OPEN),
    "discard all": (["SET search_path TO other", "DISCARD ALL"], OPEN),
    "nowhere": (["SET search_path TO ''"], "42P01"),
    "nowhere by function": (["SELECT pg_catalog.set_config('search_path', '', false)"], "42P01"),
    "committed": (["BEGIN", "SET search_path TO other", "COMMIT"], DENIED),
    "rolled back": (["BEGIN", "SET search_path TO other", "ROLLBACK"], OPEN),
    "back from what was rolled back": (
        ["SET search_path = other", "BEGIN", "SET search_path = public", "ROLLBACK"],
        DENIED,
    ),
    "local": (["BEGIN", "SET LOCAL search_path TO other"], DENIED),
    "local, committed": (["BEGIN", "SET LOCAL search_path TO other", "COMMIT"], OPEN),
    "local by function": (["BEGIN", "SELECT set_config('search_path', 'other', true)", "COMMIT"], OPEN),
    "local over what stays": (
        ["BEGIN", "SET search_path = other", "SET LOCAL search_path = public", ASKED, "COMMIT"],
        DENIED,
    ),
    "local without a transaction": (["SET LOCAL search_path TO other"], OPEN),
    "back to a savepoint": (
        ["BEGIN", "SET search_path = public", "SAVEPOINT s", "SET search_path = other", "ROLLBACK TO s"],
        OPEN,
    ),
    "back to a savepoint, the other way": (
        ["BEGIN", "SET search_path = other", "SAVEPOINT s", "SET search_path = public", "ROLLBACK TO s"],
        DENIED,
    ),
    "released": (
        ["BEGIN", "SET search_path = public", "SAVEPOINT s", "SET search_path = other", "RELEASE s"],
        DENIED,
    ),
    "failed transaction": (["BEGIN", "SET search_path = other", "SELECT 1/0", "COMMIT"], OPEN),
    "failed after a savepoint": (
        ["BEGIN", "SET search_path = other", "SAVEPOINT s", "SET search_path = public", "SELECT 1/0", "ROLLBACK TO s"],
        DENIED,
    ),
    "failed set": (["SET search_path = other, pg_temp, public"], OPEN),
    "failed in one text": (["SET search_path = other; SELECT 1/0"], OPEN),
    "in one text": (["SET search_path = other; SHOW timezone"], DENIED),
    "in one text with its end": (["BEGIN; SET LOCAL search_path = other; COMMIT"], OPEN),
    "rolled back in one text": (["BEGIN; SET search_path = other; ROLLBACK"], OPEN),
    "a transaction's end in one text": (["BEGIN", "SET search_path = other", "COMMIT; SHOW timezone"], DENIED),
}


@pytest.mark.parametrize("name", MOVES)
def test_what_runs_is_judged_under_the_path_it_runs_under(somewhere: House, name: str) -> None:
    texts, expected = MOVES[name]
    with somewhere.connect(LI) as connection:
        for text in texts:
            seen(connection, text)
        assert seen(connection, ASKED) == expected
        shown = connection.execute("SHOW search_path") if connection.info.transaction_status != 3 else None
        assert shown is None or shown.fetchone() is not None


IN_ONE_TEXT = {
    "set": (f"SET search_path = other; {ASKED}", "a rule"),
    "set to the open one": (f"SET search_path = public; {ASKED}", OPEN),
    "set twice": (f"SET search_path = other; SET search_path = public; {ASKED}", OPEN),
    "local": (f"BEGIN; SET LOCAL search_path = other; {ASKED}; COMMIT", "a rule"),
    "before": (f"{ASKED}; SET search_path = other", OPEN),
    "after a rollback": (f"BEGIN; SET search_path = other; ROLLBACK; {ASKED}", "path_unknown"),
    "after a savepoint": (f"BEGIN; SAVEPOINT s; SET search_path = other; ROLLBACK TO s; {ASKED}", "path_unknown"),
    "after a reset": (f"RESET search_path; {ASKED}", "path_unknown"),
    "function": (f"SELECT set_config('search_path', 'other', false); {ASKED}", "a rule"),
    "a transaction without it": (f"BEGIN; SELECT 1; ROLLBACK; {ASKED}", OPEN),
}


@pytest.mark.parametrize("name", IN_ONE_TEXT)
def test_a_text_of_several_statements(somewhere: House, name: str, request: pytest.FixtureRequest) -> None:
    """What follows a path that is written out is judged under it; one whose path is not known yet is refused."""
    text, expected = IN_ONE_TEXT[name]
    before = len(somewhere.entries())
    with Wire(somewhere.ports.sites[LI.site]).login(somewhere, LI) as wire:
        wire.send(query(text))
        found = wire.until(b"Z")
    assert not any(b"LEAK" in body for _, body in found)
    if expected == OPEN and errors(found) == []:
        assert b"D" in [kind for kind, _ in found]
        return
    assert errors(found) == ["42501"]
    (entry,) = new_entries(somewhere, before, "decision")
    if expected == "a rule" and entry["statement"]["complete"]:
        assert entry["reason"] == "policy_denied"
        return
    # A strict session is asked before any of the text is run: what it says is of the path as it still is.
    assert entry["statement"]["incomplete"] == "path_unknown"
    assert expected == "path_unknown" or request.node.callspec.params["somewhere"] == "strict"


def test_what_a_prepared_statement_means_goes_with_the_path(somewhere: House) -> None:
    with somewhere.connect(LI) as connection:
        for _ in range(2):
            assert seen(connection, ASKED, prepare=True) == OPEN
        connection.execute("SET search_path = other")
        assert seen(connection, ASKED, prepare=True) == DENIED
        connection.execute("SET search_path = public")
        assert seen(connection, ASKED, prepare=True) == OPEN
        connection.execute(f"PREPARE mine AS {ASKED}")
        assert seen(connection, "EXECUTE mine") == OPEN
        connection.execute("SET search_path = other")
        assert seen(connection, "EXECUTE mine") == DENIED


def test_a_portal_serves_what_it_was_bound_to_or_nothing(somewhere: House) -> None:
    with Wire(somewhere.ports.sites[LI.site]).login(somewhere, LI) as wire:
        wire.send(parse("BEGIN") + bind() + execute() + parse(ASKED, "s") + bind("s", "p") + SYNC)
        assert errors(wire.until(b"Z")) == []
        wire.send(query("SET search_path = other"))
        assert errors(wire.until(b"Z")) == []
        wire.send(execute("p") + SYNC)
        found = wire.until(b"Z")
        assert (errors(found), rows(found)) == (["0A000"], 0)
        assert "search_path" in decode_fields(next(body for kind, body in found if kind == b"E"))["D"]


def test_a_cursor_shows_what_it_was_opened_for(somewhere: House) -> None:
    with somewhere.connect(LI) as connection:
        connection.execute("BEGIN")
        connection.execute(f"DECLARE c CURSOR FOR {ASKED}")
        connection.execute("SET search_path = other")
        assert seen(connection, "FETCH 1 FROM c") == DENIED, "under neither path more than both allow"


PIPELINES: dict[str, tuple[bytes, list[str], int]] = {
    "judged under it": (
        parse("SET search_path = other") + bind() + execute() + parse(ASKED) + bind() + execute() + SYNC,
        ["42501"],
        0,
    ),
    "undone with the batch": (
        parse("SET search_path = other") + bind() + execute() + parse(ASKED) + bind() + execute() + SYNC
        + parse(ASKED) + bind() + execute() + SYNC,
        ["42501"],
        1,
    ),
    "bound under it": (
        parse(ASKED, "s") + parse("SET search_path = other") + bind() + execute() + bind("s") + execute() + SYNC,
        ["42501"],
        0,
    ),
    "a query in the next batch": (
        parse("SET search_path = other") + bind() + execute() + SYNC + query(ASKED),
        ["42501"],
        0,
    ),
    "queries without waiting": (query("SET search_path = other") + query(ASKED), ["42501"], 0),
    "and back": (
        query("BEGIN") + query("SET LOCAL search_path = other") + query("COMMIT") + query(ASKED),
        [],
        1,
    ),
    "with a parameter": (
        parse("SELECT set_config('search_path', $1, false)")
        + b"B" + (4 + 2 + 2 + 2 + 4 + 5 + 2).to_bytes(4, "big") + b"\0\0\0\0\0\1\0\0\0\5other\0\0"
        + execute() + SYNC + query(ASKED),
        ["42501"],
        1,
    ),
    "with a parameter, temporary objects first": (
        parse("SELECT set_config('search_path', $1, false)")
        + b"B" + (4 + 2 + 2 + 2 + 4 + 15 + 2).to_bytes(4, "big") + b"\0\0\0\0\0\1\0\0\0\x0fpg_temp, public\0\0"
        + execute() + SYNC + query(ASKED) + query("RESET search_path") + query(ASKED),
        ["42501"],
        2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PIPELINES)
def test_nothing_overtakes_a_path_on_its_way(somewhere: House, name: str) -> None:
    sent, expected, shown = PIPELINES[name]
    with Wire(somewhere.ports.sites[LI.site]).login(somewhere, LI) as wire:
        wire.send(sent)
        found = []
        for _ in range(sent.count(SYNC) + sent.count(b"Q\0\0\0")):
            found += wire.until(b"Z")
        assert (errors(found), rows(found)) == (expected, shown)
        assert not any(b"LEAK" in body for _, body in found)
        wire.send(query("ROLLBACK; SELECT 1"))
        assert wire.until(b"Z")[-1][0] == b"Z"


def test_a_path_of_the_configuration_may_be_asked_for_at_start_up(
    schemas: None, new_house: Callable[..., House]
) -> None:
    house = new_house(search_paths=("other, public",))
    assert starting(house, "public") == ("open", '"public", pg_temp')
    assert starting(house, '"other",public') == ("denied", '"other", "public", pg_temp')
    assert starting(house, "other,public", query("SET search_path = public")) == ("open", "public")
    changes = query("SET search_path = public") + query("RESET search_path")
    assert starting(house, "other,public", changes) == ("denied", '"other", "public", pg_temp')
    changes = query("BEGIN") + query("SET LOCAL search_path = public") + query("DISCARD ALL") + query("ROLLBACK")
    assert starting(house, "other,public", changes) == ("denied", '"other", "public", pg_temp')


@pytest.mark.parametrize("path", ["other", "public, other", "", "pg_temp, public", '"other, public"', "other,,public"])
def test_no_other_path_may(schemas: None, house: House, path: str) -> None:
    with Wire(house.ports.sites[LI.site]) as wire:
        wire.startup(LI.subject, search_path=path)
        wire.password(house.token(LI))
        fields = wire.fatal()
    assert (fields["C"], "search_path is not accepted" in fields["M"]) == ("28000", True)


def starting(house: House, path: str, sent: bytes = b"") -> tuple[str, str]:
    """A session whose start-up packet names a search_path, as pgjdbc's currentSchema and asyncpg's settings do: what
    becomes of the statement, and what SHOW says."""
    with Wire(house.ports.sites[LI.site]) as wire:
        wire.startup(LI.subject, search_path=path)
        wire.password(house.token(LI))
        assert wire.until(b"Z", b"E")[-1] == (b"Z", b"I")
        wire.send(sent)
        for _ in range(sent.count(b"Q\0\0\0")):
            wire.until(b"Z")
        wire.send(query(ASKED) + query("SHOW search_path"))
        found, shown = wire.until(b"Z"), wire.until(b"Z")
    assert not any(b"LEAK" in body for _, body in found)
    value = next(body for kind, body in shown if kind == b"D")[6:].decode()
    return (DENIED if errors(found) == ["42501"] else OPEN), value


def test_what_is_sent_again_and_again_is_known_by_its_path(somewhere: House) -> None:
    """By its text and by its shape, which take the shortest way there is."""
    shape = "SELECT name FROM stickers WHERE id = {}"
    with somewhere.connect(LI) as connection:
        for path, expected in (("public", OPEN), ("other", DENIED), ("public, other", OPEN), ("other", DENIED)):
            connection.execute(f"SET search_path = {path}")  # type: ignore[arg-type]
            for number in range(3):
                assert seen(connection, ASKED) == expected
                assert seen(connection, shape.format(number)) == expected
        connection.execute("RESET search_path")
        assert seen(connection, ASKED) == OPEN


def test_statements_that_run_others_are_asked_under_the_path_they_run_under(somewhere: House) -> None:
    with Wire(somewhere.ports.sites[LI.site]).login(somewhere, LI) as wire:
        wire.send(query(f"PREPARE mine AS {ASKED}") + query("EXECUTE mine") + query("SET search_path = other"))
        wire.send(query("EXECUTE mine") + query(f"EXPLAIN ANALYZE {ASKED}") + query("COPY stickers TO STDOUT"))
        wire.send(query("COPY (SELECT name FROM stickers) TO STDOUT") + query("SET search_path = public; EXECUTE mine"))
        found = [wire.until(b"Z") for _ in range(8)]
    assert not any(b"LEAK" in body for answer in found for _, body in answer)
    strict = [] if rows(found[7]) else ["42501"]
    assert [errors(one) for one in found] == [[], [], [], ["42501"], ["42501"], ["42501"], ["42501"], strict]


def test_what_is_bound_and_not_analysed_yet_is_not_run_under_another_path(somewhere: House) -> None:
    with Wire(somewhere.ports.sites[LI.site]).login(somewhere, LI) as wire:
        sent = parse("BEGIN") + bind() + execute() + parse("COPY stickers TO STDOUT", "s") + bind("s", "p")
        wire.send(sent + parse("SET search_path = other") + bind() + execute() + execute("p") + SYNC)
        found = wire.until(b"Z")
    assert errors(found) in (["0A000"], ["42501"]), "said by the wire, or by a strict session that was asked again"
    assert not any(b"LEAK" in body for _, body in found)


def test_a_new_object_where_a_session_looks_names_up_is_found(somewhere: House, messenger: Database) -> None:
    with somewhere.connect(LI) as connection, messenger.connect() as admin:
        connection.execute("SET search_path = empty, public")
        assert seen(connection, ASKED) == OPEN
        assert seen(connection, ASKED) == OPEN
        before = epoch(somewhere)
        admin.execute("CREATE VIEW empty.stickers AS SELECT id, phone AS name FROM public.users")
        admin.execute("GRANT SELECT ON empty.stickers TO sekisho_engineer")
        try:
            until(lambda: epoch(somewhere) not in (before, None))
            assert seen(connection, ASKED) == DENIED
        finally:
            admin.execute("DROP VIEW empty.stickers")


def test_whose_schema_the_users_own_is(somewhere: House, messenger: Database) -> None:
    """And what roles and databases have as a default counts for nobody: a session begins with what is pinned."""
    with messenger.connect() as admin:
        admin.execute("CREATE SCHEMA sekisho_engineer; GRANT USAGE ON SCHEMA sekisho_engineer TO sekisho_engineer")
        admin.execute("CREATE VIEW sekisho_engineer.stickers AS SELECT * FROM other.stickers")
        admin.execute("GRANT SELECT ON sekisho_engineer.stickers TO sekisho_engineer")
        admin.execute("ALTER ROLE sekisho_engineer SET search_path = other")
        try:
            with somewhere.connect(LI) as connection:
                assert seen(connection, ASKED) == OPEN
                assert seen(connection, "RESET search_path") != OPEN, "it has no rows"
                assert seen(connection, ASKED) == OPEN
                connection.execute('SET search_path = "$user", public')
                assert seen(connection, ASKED) == DENIED
        finally:
            admin.execute("ALTER ROLE sekisho_engineer RESET search_path; DROP SCHEMA sekisho_engineer CASCADE")


def epoch(house: House) -> str | None:
    assert house.application is not None
    twin = house.application.desk._world.twins[DatasourceId(DATASOURCE)]  # type: ignore[attr-defined]
    found: str | None = twin.epoch
    return found
