"""What a statement rests on; and the proof: what a change is said to leave alone means the same after it."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from gateway.model import StatementFacts
from gateway.sql.changes import Changes, State, changes, read_state
from gateway.sql.depends import _LIMIT, depends_on
from gateway.sql.epoch import STATE_QUERY
from gateway.sql.facts import read_facts

PATH = ("app", "ops")
STATEMENTS = """
SELECT phone FROM users WHERE id = 1
SELECT * FROM users
SELECT u FROM users u
SELECT count(*) FROM users
SELECT phone FROM ONLY users
SELECT level FROM users_vip
SELECT name FROM stickers
SELECT price_yen FROM app.stickers ORDER BY 1
SELECT s.name, r.name FROM stickers s NATURAL JOIN regions r
SELECT label, contact FROM v_contacts
SELECT c2 FROM v_nested
SELECT id FROM v_filter
SELECT id, display_name FROM v_directory
SELECT body FROM messages m JOIN users u ON u.id = m.sender_id
SELECT amount FROM payments
SELECT amount FROM payments_2025
SELECT e FROM mv_contacts
SELECT NULL::users
SELECT NULL::stickers IS NULL
SELECT ARRAY[]::users[] = ARRAY[]::users[]
WITH x AS (SELECT caption FROM images) SELECT * FROM x
SELECT name FROM stickers UNION SELECT code FROM regions
INSERT INTO stickers VALUES (1, 'x', 2)
INSERT INTO regions (code) SELECT country FROM users
UPDATE stickers SET price_yen = 1 WHERE id = 1
UPDATE users_vip SET display_name = 'x' WHERE id = 9
UPDATE payments_2025 SET amount = 2
UPDATE users SET country = 'KR'
DELETE FROM users WHERE id = 3
DELETE FROM stickers
INSERT INTO payments VALUES (1, 1, 'x', 1, 'JPY', '2025-02-01')
INSERT INTO feature_flags VALUES ('x', true)
INSERT INTO ruled VALUES (1)
SELECT host FROM metrics
SELECT host FROM ops.metrics WHERE value > 0.5
SELECT 1
SELECT relname FROM pg_class
SELECT pg_get_viewdef('app.v_directory'::regclass)
SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef
""".strip().split("\n")
CHANGES = """
CREATE TABLE scratch.elsewhere (id int)
CREATE TABLE app.another (id int)
ALTER TABLE app.stickers ADD COLUMN code text
ALTER TABLE app.stickers ALTER name TYPE varchar(40)
CREATE OR REPLACE VIEW app.v_directory AS SELECT id, phone AS display_name, country FROM app.users
CREATE OR REPLACE VIEW app.v_contacts AS SELECT id, email AS label, phone AS contact FROM app.users
ALTER VIEW app.v_filter SET (security_barrier = true)
CREATE OR REPLACE VIEW app.v_directory AS SELECT id, display_name, country FROM app.users WHERE phone <> '+81-90-5550'
CREATE OR REPLACE VIEW app.v_directory AS SELECT id, display_name, country FROM app.users
CREATE TABLE scratch.users_kr () INHERITS (app.users)
CREATE TABLE scratch.users_vvip () INHERITS (app.users_vip)
ALTER TABLE scratch.users_vvip ADD COLUMN more text
ALTER TABLE app.users ENABLE ROW LEVEL SECURITY
CREATE POLICY one ON app.users FOR SELECT USING (country = 'JP')
CREATE POLICY two ON app.messages USING (EXISTS (SELECT FROM app.images i WHERE i.caption = body))
ALTER TABLE app.messages ENABLE ROW LEVEL SECURITY
CREATE TABLE scratch.visits (id int REFERENCES app.users ON DELETE CASCADE)
CREATE TABLE scratch.steps (id int REFERENCES app.stickers ON DELETE SET NULL)
CREATE TRIGGER visited AFTER DELETE ON scratch.visits FOR EACH ROW EXECUTE FUNCTION app.tg_copy()
CREATE TRIGGER stepped BEFORE UPDATE ON scratch.steps FOR EACH ROW EXECUTE FUNCTION app.tg_copy()
CREATE TRIGGER stuck BEFORE INSERT ON app.stickers FOR EACH ROW EXECUTE FUNCTION app.tg_copy()
DROP TRIGGER stuck ON app.stickers
ALTER TABLE app.stickers ADD CHECK (app.phone_of(id) IS NULL) NOT VALID
CREATE INDEX ON app.regions (lower(name))
CREATE UNIQUE INDEX ON app.users (display_name, email)
CREATE UNIQUE INDEX ON app.users_vip (country, email)
ALTER TABLE app.payments ADD CHECK (amount > 0 OR iban IS NULL)
ALTER TABLE app.regions ADD COLUMN hidden app.user_ref
ALTER TABLE app.regions ALTER name SET DEFAULT app.phone_of(1)
CREATE TABLE scratch.payments_2027 (LIKE app.payments INCLUDING ALL)
ALTER TABLE app.payments ATTACH PARTITION scratch.payments_2027 FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')
ALTER TABLE scratch.payments_2027 ADD CHECK (app.phone_of(id) IS NULL) NOT VALID
ALTER TABLE app.payments DETACH PARTITION scratch.payments_2027
CREATE RULE flagged AS ON INSERT TO app.feature_flags DO ALSO INSERT INTO app.ruled_sink SELECT 1, phone FROM app.users
DROP TABLE scratch.users_vvip
ALTER TABLE app.users ADD COLUMN address app.uref
ALTER TYPE app.uref ADD ATTRIBUTE road text
CREATE FUNCTION app.count(bigint) RETURNS text LANGUAGE sql AS 'SELECT NULL::text'
ALTER TABLE app.stickers RENAME TO labels
CREATE TABLE ops.stickers (name text, code text)
ALTER TABLE ops.metrics SET SCHEMA scratch
TRUNCATE app.images
REINDEX TABLE app.users
COMMENT ON TABLE app.users IS 'call +81-90-5550-0001'
GRANT SELECT (id) ON app.images TO gw_limited
DROP TABLE scratch.elsewhere
""".strip().split("\n")


@pytest.fixture
def looked_up(analyst):
    analyst.connection.execute(f"SET search_path = {', '.join(PATH)}, pg_temp")
    yield analyst
    analyst.connection.execute("RESET search_path")


def facts_of(analyst, texts: list[str]) -> dict[str, StatementFacts | str]:
    """Facts, or the server's complaint."""
    found: dict[str, StatementFacts | str] = {}
    for text in texts:
        try:
            found[text] = analyst.analyse(text)
        except psycopg.Error as error:
            found[text] = str(error.sqlstate)
    return found


def state(analyst) -> State:
    rows = analyst.connection.execute(STATE_QUERY).fetchall()
    return read_state(analyst.major, rows, analyst.catalog.definitions)


def stands(found: Changes, facts: StatementFacts | str) -> bool:
    if found.everything or isinstance(facts, str) or facts.depends is None:
        return False
    return facts.depends.isdisjoint(found.relations)


def test_what_stands_means_the_same(looked_up):
    """Each statement is read afresh after each change, and compared where the change is said to leave it alone."""
    was, known = state(looked_up), facts_of(looked_up, STATEMENTS)
    stood = 0
    for change in CHANGES:
        looked_up.run(change)
        now, fresh = state(looked_up), facts_of(looked_up, STATEMENTS)
        found = changes(was, now, path=frozenset(("pg_catalog", *PATH)))
        for text in STATEMENTS:
            if stands(found, known[text]):
                assert fresh[text] == known[text], f"{change}: {text}"
                stood += 1
        was, known = now, fresh
    assert stood > len(CHANGES) * len(STATEMENTS) / 3, "most changes leave most statements alone"


def names(analyst, text: str) -> set[str]:
    depends = analyst.analyse(text).depends
    assert depends is not None
    return {analyst.catalog.relations[oid].name for oid in depends}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1", set()),
        ("SELECT caption FROM app.images", {"images"}),
        ("SELECT phone FROM app.users", {"users", "users_vip"}),
        ("SELECT phone FROM ONLY app.users", {"users", "users_vip"}),
        ("SELECT c2 FROM app.v_nested", {"v_nested", "v_contacts", "users", "users_vip"}),
        ("SELECT NULL::app.users_vip", {"users_vip", "users"}),
        ("SELECT ARRAY[]::app.images[] = ARRAY[]::app.images[]", {"images"}),
        ("INSERT INTO app.payments_2025 (id, paid_on) VALUES (1, '2025-01-01')", {"payments_2025", "payments"}),
    ],
)
def test_what_a_statement_rests_on(untouched, text, expected):
    assert names(untouched, text) == expected


@pytest.fixture(scope="module")
def untouched(every_postgres):
    """The corpus schema as it was made."""
    from tests.unit.sql.conftest import SCHEMA, Analyst

    name = "sql_depends"
    text = "\n".join(line for line in SCHEMA.read_text().split("\n") if not line.startswith("CREATE EXTENSION"))
    with every_postgres.admin() as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    every_postgres.load(text, name)
    made = Analyst(every_postgres, name)
    yield made
    made.connection.close()
    with every_postgres.admin() as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_what_is_not_understood_rests_on_everything(untouched):
    assert untouched.analyse("SELECT app.phone_of(1)").depends is None
    facts = read_facts("select", ["{NONSENSE}"], untouched.catalog, max_tree_bytes=1000)
    assert (facts.complete, facts.depends) == (False, None)


def test_too_many_to_keep_is_everything(untouched):
    oids = list(untouched.catalog.relations)
    assert depends_on((), oids[:_LIMIT], untouched.catalog) == frozenset(oids[:_LIMIT])
    assert len(oids) > 100
    many = [str(100_000 + number) for number in range(_LIMIT + 1)]
    assert depends_on((), many, untouched.catalog) is None


def test_it_is_no_part_of_what_a_statement_does(untouched):
    """Texts that do the same are one question, whatever they rest on."""
    one = untouched.analyse("SELECT id FROM app.images")
    other = replace(one, depends=frozenset())
    assert (one, hash(one)) == (other, hash(other))
