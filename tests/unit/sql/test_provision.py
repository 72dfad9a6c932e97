"""The script of `sekisho provision`, run on real servers: what it grants, what it does not; it may run again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from gateway.sql.provision import CHANNEL, KEEPER, Grant, ProfileGrants, provision_sql
from tests.servers import Postgres

ROLE, TWIN = 'profile "no" phone', "twin_of_provision"
TABLES = """
CREATE SCHEMA app;
CREATE TABLE app.users (id int, phone text, "Country" text);
CREATE TABLE app.flags (key text);
INSERT INTO app.users VALUES (1, '+81-90', 'JP');
"""
PROFILES = (
    ProfileGrants(
        role=ROLE,
        names=("profile one",),
        grants=(
            Grant(schema="app", relation="users", columns=("id", "Country"), labels={"Country": "user.contact\nDROP"}),
            Grant(schema="app", relation="flags", whole=True),
        ),
    ),
    ProfileGrants(role="profile_of_nothing", grants=(Grant(schema="app", relation="users", columns=()),)),
)


@pytest.fixture
def provisioned(every_postgres: Postgres, database: Callable[..., str]) -> Iterator[tuple[Postgres, str]]:
    """A database after two runs of the whole script."""
    name = database(TABLES, on=every_postgres)
    text = provision_sql(database=name, twin_role=TWIN, profiles=PROFILES, keyed_hash=True, epoch_trigger=True)
    every_postgres.load(text, name)
    every_postgres.load(text, name)
    yield every_postgres, name
    with every_postgres.admin(name) as admin:
        admin.execute("DROP EVENT TRIGGER sekisho_epoch_changed; DROP EVENT TRIGGER sekisho_epoch_dropped")
        for role in (ROLE, "profile_of_nothing", TWIN, KEEPER):
            quoted = psycopg.sql.Identifier(role)
            admin.execute(psycopg.sql.SQL("DROP OWNED BY {} CASCADE; DROP ROLE {}").format(quoted, quoted))


def run(server: Postgres, name: str, role: str, text: str) -> list[tuple[object, ...]]:
    with psycopg.connect(**server.parameters(name, user=role), autocommit=True) as session:
        return session.execute(text).fetchall()


def test_a_profile_reads_exactly_its_columns(provisioned):
    server, name = provisioned
    assert run(server, name, ROLE, 'SELECT id, "Country" FROM app.users') == [(1, "JP")]
    assert run(server, name, ROLE, "SELECT count(*) FROM app.users") == [(1,)]
    for role, text in [(ROLE, "SELECT phone FROM app.users"), ("profile_of_nothing", "SELECT FROM app.users")]:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run(server, name, role, text)


def test_what_is_about_nobody_is_read_whole_also_what_comes_later(provisioned):
    server, name = provisioned
    server.load("ALTER TABLE app.flags ADD COLUMN later int", name)
    assert run(server, name, ROLE, "SELECT * FROM app.flags") == []


def test_the_twin_may_become_profiles_inherits_nothing_and_logs_nothing(provisioned):
    server, name = provisioned
    assert run(server, name, TWIN, "SHOW log_min_messages") == [("panic",)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run(server, name, TWIN, "SELECT id FROM app.users")
    parameters = server.parameters(name, user=TWIN)
    with psycopg.connect(**parameters, autocommit=True) as session:
        session.execute(psycopg.sql.SQL("SET ROLE {}").format(psycopg.sql.Identifier(ROLE)))
        assert session.execute("SELECT id FROM app.users").fetchall() == [(1,)]


def test_what_was_inherited_before_is_not_any_more(provisioned):
    """From 16 on each membership says so for itself."""
    server, name = provisioned
    with server.admin(name) as admin:
        admin.execute(psycopg.sql.SQL("ALTER ROLE {} INHERIT").format(psycopg.sql.Identifier(TWIN)))
        if server.major >= 16:
            grant = psycopg.sql.SQL("GRANT {} TO {} WITH INHERIT TRUE")
            admin.execute(grant.format(psycopg.sql.Identifier(ROLE), psycopg.sql.Identifier(TWIN)))
    assert run(server, name, TWIN, "SELECT id FROM app.users") == [(1,)]
    server.load(provision_sql(database=name, twin_role=TWIN, profiles=PROFILES), name)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run(server, name, TWIN, "SELECT id FROM app.users")


def test_a_line_less_is_a_column_less():
    text = provision_sql(database="d", twin_role="t", profiles=PROFILES[:1])
    granted = [line for line in text.splitlines() if line.startswith("GRANT SELECT")]
    assert granted == [
        'GRANT SELECT ON "app"."flags" TO "profile ""no"" phone";',
        'GRANT SELECT ("id") ON "app"."users" TO "profile ""no"" phone";',
        'GRANT SELECT ("Country") ON "app"."users" TO "profile ""no"" phone";  -- user.contact?DROP',
    ]


def test_roles_of_a_strict_datasource_log_nothing():
    quiet = """ALTER ROLE "{}" SET log_min_messages = 'panic';"""
    for strict in (False, True):
        text = provision_sql(database="d", twin_role="t", profiles=PROFILES, strict=strict)
        assert quiet.format("t") in text
        for profile in PROFILES:
            assert (quiet.format(profile.role.replace('"', '""')) in text) is strict


def test_no_role_has_power(provisioned):
    server, name = provisioned
    with server.admin(name) as admin:
        rows = admin.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)"
            " AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)",
            ([ROLE, TWIN, KEEPER],),
        ).fetchall()
        keeper = admin.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", (KEEPER,)).fetchall()
    assert (rows, keeper) == ([], [(False,)])


def test_the_hash_is_stable_total_and_its_key_is_for_nobody(provisioned):
    server, name = provisioned
    text = "SELECT sekisho.keyed_hash({}), sekisho.keyed_hash({})"
    ((one, other),) = run(server, name, ROLE, text.format("'+81-90'", "'+81-91'"))
    assert len(str(one)) == 64
    assert one != other
    assert run(server, name, ROLE, text.format("'+81-90'", "NULL")) == [(one, None)]
    assert run(server, name, ROLE, "SELECT sekisho.keyed_hash('')") != [(None,)]
    for role in (ROLE, TWIN):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run(server, name, role, "SELECT inner_pad FROM sekisho.hash_key")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run(server, name, TWIN, "SELECT sekisho.keyed_hash('x')")
    with server.admin(name) as admin:
        ((inner, outer),) = admin.execute("SELECT inner_pad, outer_pad FROM sekisho.hash_key").fetchall()
    assert len(inner) == len(outer) == 64
    assert inner != outer


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("CREATE TABLE app.more (id int)", True),
        ("ALTER TABLE app.users ADD COLUMN note text", True),
        ("DROP TABLE app.users", True),
        ("CREATE TEMP TABLE t (id int)", False),
        ("CREATE TEMP TABLE t (id int); DROP TABLE t", False),
        ("INSERT INTO app.users VALUES (2)", False),
    ],
)
def test_a_change_of_the_catalogs_is_told(provisioned, text, heard):
    server, name = provisioned
    with server.admin(name) as listener, server.admin(name) as changer:
        listener.execute(f"LISTEN {CHANNEL}")
        changer.execute(text)
        changer.execute("NOTIFY other")
        listener.execute("LISTEN other")
        changer.execute("NOTIFY other")  # comes after whatever the change told
        found = []
        for notification in listener.notifies(timeout=10, stop_after=1 + heard):
            found.append((notification.channel, notification.payload))
    assert found == [(CHANNEL, "")] * heard + [("other", "")]


def test_no_secret_and_nothing_but_what_was_asked_for():
    text = provision_sql(database='a"b\nDROP', twin_role="t", profiles=PROFILES[:1])
    assert "sekisho.keyed_hash" not in text
    assert "EVENT TRIGGER" not in text
    assert "PASSWORD '" not in text
    lines = [line for line in text.splitlines() if line.startswith("DROP") and not line.startswith('DROP" TO ')]
    assert lines == [], "a line break of a name is inside its quotes, and in no comment"


@pytest.mark.parametrize("name", ["", "a\0b", "x $sekisho$ y"])
def test_names_that_are_none_are_refused(name):
    with pytest.raises(ValueError, match="name"):
        provision_sql(database="d", twin_role=name, profiles=())


@pytest.mark.parametrize("role", ["o'neil", "back\\slash", 'quo"te', "関所"])
def test_any_other_name_is_a_name(every_postgres, database, role):
    name = database(on=every_postgres)
    every_postgres.load(provision_sql(database=name, twin_role=role, profiles=[ProfileGrants(role=f"{role} 2")]), name)
    with every_postgres.admin(name) as admin:
        for one in (role, f"{role} 2"):
            assert admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (one,)).fetchall() == [(1,)]
            quoted = psycopg.sql.Identifier(one)
            admin.execute(psycopg.sql.SQL("DROP OWNED BY {}; DROP ROLE {}").format(quoted, quoted))
