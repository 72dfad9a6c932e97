"""A real PostgreSQL 18 is started, loaded and stopped; its roles may do what their profiles say and no more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from gateway.demo import database as module
from gateway.demo.database import Database, DatabaseFailed, Loaded, binaries
from gateway.demo.sample import tables


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, Loaded]]:
    database = Database(tmp_path_factory.mktemp("demo-database"))
    loaded = database.start()
    yield database, loaded
    database.stop()


@pytest.fixture(scope="module")
def database(started: tuple[Database, Loaded]) -> Database:
    return started[0]


def test_it_says_what_it_loaded(started: tuple[Database, Loaded]):
    _, loaded = started
    assert loaded.version.startswith("18.")
    assert loaded.users == 86
    assert loaded.rows == sum(len(part.rows) for part in tables())
    assert loaded.seconds > 0


def test_every_table_has_a_primary_key_and_its_rows(database: Database):
    with database.connect() as connection:
        for part in tables():
            query = f"SELECT count(*) FROM {part.table}"
            assert connection.execute(query.encode()).fetchall() == [(len(part.rows),)]
        keyed = connection.execute(
            "SELECT conrelid::regclass::text FROM pg_constraint"
            " WHERE contype = 'p' AND connamespace = 'public'::regnamespace"
        ).fetchall()
    assert {name for (name,) in keyed} == {part.table for part in tables()}


def test_a_new_row_gets_the_next_number(database: Database):
    with database.connect() as connection, connection.transaction(force_rollback=True):
        made = connection.execute("INSERT INTO stickers (name, price_yen) VALUES ('Test', 1) RETURNING id").fetchall()
    assert made == [(13,)]


def test_it_listens_on_no_address_and_only_its_owner_enters_the_socket_folder(database: Database):
    with database.connect() as connection:
        assert connection.execute("SHOW listen_addresses").fetchall() == [("",)]
    assert database.socket_directory.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("role", ["sekisho_engineer", "sekisho_moderator", "sekisho_twin"])
def test_no_role_has_special_privileges(database: Database, role: str):
    with database.connect() as connection:
        found = connection.execute(
            "SELECT rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls"
            " FROM pg_roles WHERE rolname = %s",
            (role,),
        ).fetchall()
        assert found == [(True, False, False, False, False, False)]
    with database.connect(role) as connection:
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE public.t (a int)")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("CREATE TEMPORARY TABLE t (a int)")


@pytest.mark.parametrize(
    ("role", "query"),
    [
        ("sekisho_engineer", "SELECT * FROM users WHERE id = 7"),
        ("sekisho_engineer", "SELECT u.name, m.body FROM messages m JOIN users u ON u.id = m.sender_id LIMIT 1"),
        ("sekisho_engineer", "SELECT * FROM payments LIMIT 1"),
        ("sekisho_engineer", "SELECT * FROM health_consultations LIMIT 1"),
        ("sekisho_engineer", "SELECT count(*) FROM stickers"),
        ("sekisho_moderator", "SELECT id, caption, content FROM timeline_images LIMIT 1"),
        ("sekisho_moderator", "SELECT id, image_id, reason, state FROM moderation_queue LIMIT 1"),
        ("sekisho_moderator", "SELECT * FROM regions LIMIT 1"),
    ],
)
def test_what_a_role_may_read(database: Database, role: str, query: str):
    with database.connect(role) as connection:
        assert len(connection.execute(query.encode()).fetchall()) == 1


@pytest.mark.parametrize(
    ("role", "query"),
    [
        ("sekisho_engineer", "SELECT caption FROM timeline_images"),
        ("sekisho_engineer", "UPDATE messages SET sender_id = 1"),
        ("sekisho_moderator", "SELECT name FROM users"),
        ("sekisho_moderator", "SELECT owner_id FROM timeline_images"),
        ("sekisho_moderator", "SELECT reported_by FROM moderation_queue"),
        ("sekisho_moderator", "UPDATE moderation_queue SET reason = ''"),
        ("sekisho_moderator", "SELECT count(*) FROM messages"),
        ("sekisho_twin", "SELECT name FROM public.users"),  # it inherits nothing
    ],
)
def test_what_a_role_may_not(database: Database, role: str, query: str):
    with database.connect(role) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(query.encode())


def test_an_engineer_writes_and_takes_back(database: Database):
    with database.connect("sekisho_engineer") as connection, connection.transaction(force_rollback=True):
        connection.execute("INSERT INTO messages (sender_id, recipient_id, body) VALUES (1, 2, 'hello')")
        connection.execute("UPDATE users SET phone = '+81 90-0000-9999' WHERE id = 1")
        assert connection.execute("DELETE FROM health_consultations").rowcount == 12


def test_the_twin_takes_either_role_and_keeps_its_trees_out_of_the_log(database: Database):
    with database.connect("sekisho_twin") as connection:
        assert connection.execute("SHOW log_min_messages").fetchall() == [("panic",)]
        for role in ("sekisho_engineer", "sekisho_moderator"):
            connection.execute(f"SET ROLE {role}".encode())
            assert connection.execute("SELECT current_user").fetchall() == [(role,)]
        connection.execute("SET debug_print_rewritten = on")
        connection.execute("SET ROLE sekisho_engineer")
        connection.execute("SELECT name FROM users WHERE name = 'a literal that must not be logged'")
    assert "rewritten parse tree" not in database.log_tail()
    assert "must not be logged" not in database.log_tail()


def test_the_environment_cannot_bend_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("LC_ALL", "xx_XX.nonsense")
    database = Database(tmp_path)
    try:
        assert database.start().users == 86
    finally:
        database.stop()


def test_stop_ends_the_server_and_leaves_nothing_in_the_temporary_folder(tmp_path: Path):
    database = Database(tmp_path)
    database.start()
    folder = database.socket_directory
    assert database.alive
    database.stop()
    database.stop()
    assert database._process is None
    assert not folder.exists()
    assert "database system is shut down" in database.log_tail()
    with pytest.raises(psycopg.OperationalError):
        database.connect()


def test_a_folder_with_data_is_refused_and_left_alone(tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "precious").touch()
    (tmp_path / "data").chmod(0o755)
    database = Database(tmp_path)
    if database._data != tmp_path / "data":  # the account of root's server cannot pass to it: nothing to refuse
        database.stop()
    else:
        with pytest.raises(DatabaseFailed, match="exists already"):
            database.start()
    assert (tmp_path / "data" / "precious").exists()
    assert not database.socket_directory.exists()


def test_a_missing_wheel_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_WHEEL", "no_such_package_anywhere")
    with pytest.raises(DatabaseFailed, match="pip install"):
        binaries()


def test_what_another_account_cannot_reach_is_known(tmp_path: Path):
    other = module._Account(name="nobody", user=65534, group=65534)
    open_tree, shut_tree = tmp_path / "open", tmp_path / "shut"
    for tree, mode in ((open_tree, 0o755), (shut_tree, 0o700)):
        tree.mkdir()
        (tree / "file").touch(mode=0o644)
        tree.chmod(mode)
    assert not other.reads(shut_tree)
    assert not other.reaches(shut_tree / "file")
    assert other.reaches(Path("/usr/bin/env"))
    ourselves = module._Account(name=None, user=os.geteuid(), group=os.getegid())
    assert ourselves.reads(shut_tree)
    assert ourselves.process() == {}
