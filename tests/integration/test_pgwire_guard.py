"""What a real PostgreSQL says about people's rows, and what is left of it when a session guards the statement.

Each scene is played directly, where the telephone number must come back (else the scene proves nothing), and through a
session that guards whatever names ``people``: then no byte of it may.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.pgwire.actions import Judgement
from gateway.pgwire.conditions import condition
from gateway.pgwire.frames import encode
from gateway.pgwire.messages import decode_fields
from tests.integration.test_pgwire_real import Direct, Through
from tests.unit.pgwire.playbook import SYNC, bind, describe, execute, parse, query
from tests.wire_frames import iter_server_frames

pytestmark = pytest.mark.integration

PHONE = b"090-0000-000"
SCHEMA = """
CREATE TABLE people (
    id int PRIMARY KEY, phone text NOT NULL, age int CHECK (age > 0), mail text CONSTRAINT people_mail UNIQUE,
    CONSTRAINT people_phone UNIQUE (phone) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO people VALUES (1, '090-0000-0001', 30, '090-0000-0001@x'), (2, '090-0000-0002', 40, '090-0000-0002@x');
CREATE TABLE told (id int REFERENCES people);
CREATE FUNCTION ratio(text) RETURNS int LANGUAGE plpgsql AS
    $$ DECLARE n int; BEGIN EXECUTE format('SELECT 1 / 0 -- %s', $1) INTO n; RETURN n; END $$;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE NOTICE 'now %', NEW.phone USING DETAIL = NEW.mail, HINT = NEW.phone; RETURN NEW; END $$;
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '% is no phone', NEW.phone USING HINT = NEW.mail, ERRCODE = 'PH001'; END $$;
CREATE TRIGGER tell BEFORE UPDATE OF age ON people FOR EACH ROW EXECUTE FUNCTION tell();
CREATE CONSTRAINT TRIGGER fail AFTER DELETE OR UPDATE OF mail ON people DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION fail();
"""
DOUBLE = "UPDATE people SET phone = (SELECT phone FROM people WHERE id = 1) WHERE id = 2"
RUN = bind("", "") + execute()


def queries(*texts: str) -> list[bytes]:
    return [query(text) for text in texts]


# Messages; then of each error or notice its SQLSTATE, and its constraint where it is of one.
SCENES = {
    "unique": (queries("UPDATE people SET mail = '090-0000-0001@x' WHERE id = 2"), ["23505 people_mail"]),
    "check": (queries("UPDATE people SET age = -1 WHERE id = 1"), ["00000", "23514 people_age_check"]),
    "not null": (queries("UPDATE people SET phone = NULL WHERE id = 1"), ["23502"]),
    "cast": (queries("SELECT phone::int FROM people"), ["22P02"]),
    "date": (queries("SELECT phone::date FROM people"), ["22008"]),
    "relation": (queries("SELECT phone::regclass FROM people"), ["42P01"]),
    "context": (queries("SELECT ratio(phone) FROM people"), ["22012"]),
    "notice": (queries("UPDATE people SET age = 5 WHERE id = 1"), ["00000"]),
    "notices": (queries("UPDATE people SET age = 5; SELECT 1/0"), ["00000", "00000", "22012"]),
    "deferred": (queries(DOUBLE), ["23505 people_phone"]),
    "deferred, at COMMIT": (queries("BEGIN", DOUBLE, "SELECT 1", "COMMIT"), ["23505 people_phone"]),
    "deferred, made immediate": (
        queries("BEGIN", DOUBLE, "SET CONSTRAINTS ALL IMMEDIATE", "SELECT 1", "ROLLBACK"),
        ["23505 people_phone", "25P02"],
    ),
    "deferred, before a savepoint": (
        queries("BEGIN", DOUBLE, "SAVEPOINT a", "SELECT 1/0", "ROLLBACK TO a", "COMMIT"),
        ["22012", "23505 people_phone"],
    ),
    "deferred, in a query that failed": (
        queries(f"BEGIN; {DOUBLE}; SAVEPOINT a; SELECT 1/0", "ROLLBACK TO a", "COMMIT"),
        ["22012", "23505 people_phone"],
    ),
    "deferred, by a function": (
        [query("BEGIN"), parse("", "UPDATE people SET mail = 'm' WHERE id = 1") + RUN + SYNC, query("COMMIT")],
        ["PH001"],
    ),
    "at Sync": ([parse("", DOUBLE) + bind("", "") + describe("P", "") + execute() + SYNC], ["23505 people_phone"]),
    "at Sync after others": ([parse("", DOUBLE) + RUN + parse("", "SELECT 1") + RUN + SYNC], ["23505 people_phone"]),
    "at Execute": (
        [parse("s", "SELECT phone::int FROM people") + SYNC, *[bind("", "s") + execute() + SYNC] * 2],
        ["22P02", "22P02"],
    ),
    "at Bind": (
        [parse("", "SELECT id FROM people WHERE age = $1", 23) + bind("", "", PHONE + b"1") + execute() + SYNC],
        ["22P02"],
    ),
}


class Guarding(Through):
    """A session that guards what names ``people``; a plain SELECT has done with it when it is done."""

    def judgement(self, text: str) -> Judgement:
        return Judgement(text, guarded="people" in text, lasting="people" in text and not text.startswith("SELECT"))


def said(data: bytes) -> list[dict[str, str]]:
    """Fields of every error and notice."""
    return [decode_fields(data[start:end]) for kind, start, end in iter_server_frames(data) if kind in b"EN"]


@pytest.fixture(scope="module")
def made(every_postgres) -> Iterator[tuple[object, str]]:
    name = "pgwire_guard"
    with every_postgres.admin() as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    every_postgres.load(SCHEMA, name)
    yield every_postgres, name
    with every_postgres.admin() as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("scene", SCENES)
def test_no_byte_of_a_row_arrives(made, scene):
    messages, expected = SCENES[scene]
    direct, guarding = Direct(*made), Guarding(*made)
    plain, left = [b"".join(one.send(message) for message in messages) for one in (direct, guarding)]
    direct.close()
    guarding.close()
    assert any(PHONE in "".join(one.values()).encode() for one in said(plain)), "the scene proves nothing"
    # What comes as a row, or as a name of its own, is not in question here.
    assert PHONE not in "".join("".join(one.values()) for one in said(left)).encode()
    assert [f"{one['C']} {one.get('n', '')}".strip() for one in said(left)] == expected
    assert [one["M"] for one in said(left)] == [condition(one[:5]) for one in expected]
    for before, after in zip(said(plain), said(left), strict=True):
        assert not set(after) & set("DHWqpFLR")
        assert {code: before.get(code) for code in "SVCPstcdn"} == {code: after.get(code) for code in "SVCPstcdn"}
    others = [[kind for kind, _, _ in iter_server_frames(data)] for data in (plain, left)]
    assert others[0] == others[1]


def test_copy_of_a_bad_row(made):
    """The context of a COPY is the line."""
    rows = encode(b"d", b"3\t090-0000-0003\tnever\t\\N\n") + encode(b"c")
    for one in (Direct(*made), Guarding(*made)):
        one.send_and_see(query("COPY people FROM STDIN"), "G")
        (error,) = said(one.send_and_see(rows, "Z"))
        one.close()
        assert error["C"] == "22P02"
        assert ("never" in error.get("W", "")) is (type(one) is Direct)
    assert (error["M"], set(error)) == ("invalid text representation", set("SVCM"))


def test_what_is_not_guarded_keeps_every_byte(made):
    """Between and after guarded statements, and in one transaction with those that only read."""
    free = [
        query("SELECT 'x'::int"),
        query("INSERT INTO told VALUES (7)"),
        query("SELECT 1/0; SELECT 2"),
        query("DROP TABLE IF EXISTS nothing; SELECT nothing"),
        parse("", "SELECT ratio('text')") + bind("", "") + execute() + SYNC,
    ]
    direct, guarding = Direct(*made), Guarding(*made)
    for text in ("SELECT id FROM people", "BEGIN", "SELECT id FROM people", "ROLLBACK", DOUBLE):
        assert (said(direct.send(query(text))) != []) is (said(guarding.send(query(text))) != [])
        if text != "BEGIN":
            for message in free:
                plain = direct.send(message)
                assert guarding.send(message) == plain
            for one in (direct, guarding):
                one.send(query("ROLLBACK"))
                one.send(query("BEGIN" if text == "BEGIN" else "SELECT"))
    direct.close()
    guarding.close()
