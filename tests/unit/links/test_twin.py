"""The analysis twin against real servers: what it says, when it refuses to work, and that nothing of it goes astray."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from gateway.config import Datasource, Profile
from gateway.config import Twin as TwinSettings
from gateway.errors import ConfigError, PolicyUnavailable, Reason
from gateway.links.server import Credentials, ServerAddress
from gateway.links.twin import Twin
from gateway.model import Vouched, VouchedFunction
from gateway.needs import Analysis
from gateway.sql.facts import read_facts
from gateway.sql.named import Names
from tests.servers import Postgres

TREE_BYTES = 1024 * 1024
SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, name text, phone text);
CREATE TABLE stickers (id int PRIMARY KEY, name text);
CREATE VIEW contacts AS SELECT id, phone FROM users;
CREATE SCHEMA closed;
CREATE TABLE closed.cases (id int, body text);
GRANT SELECT ON users, stickers, contacts TO unit_engineer, unit_moderator;
GRANT USAGE ON SCHEMA closed TO unit_moderator;
"""
ROLES = (
    ("unit_engineer", "LOGIN NOSUPERUSER NOBYPASSRLS NOREPLICATION NOCREATEROLE"),
    ("unit_moderator", "LOGIN NOSUPERUSER NOBYPASSRLS NOREPLICATION NOCREATEROLE"),
    ("unit_twin", "LOGIN NOINHERIT NOSUPERUSER NOBYPASSRLS NOREPLICATION NOCREATEROLE"),
)


class Place:
    """A database with the roles of two profiles and of a twin."""

    def __init__(self, server: Postgres, name: str) -> None:
        self.server = server
        self.name = name
        self.changes = 0
        self.vouched = Vouched()

    def admin(self, *statements: str) -> None:
        with self.server.admin(self.name) as connection:
            for statement in statements:
                connection.execute(statement)

    def twin(self, **changes: Any) -> Twin:
        tree_bytes = changes.pop("tree_bytes", TREE_BYTES)
        settings = {
            "role": "unit_twin",
            "statement_timeout_ms": 2000,
            "lock_timeout_ms": 100,
            "epoch_interval_ms": 50,
            **changes,
        }
        source = Datasource(
            id="messenger",
            host=str(self.server.socket_directory),
            port=self.server.port,
            database=self.name,
            tls="disable",
            twin=TwinSettings(**settings),
            profiles=(
                Profile(name="engineer", role="unit_engineer"),
                Profile(name="moderator", role="unit_moderator"),
            ),
        )
        address = ServerAddress(
            host=source.host,
            port=source.port,
            database=source.database,
            trust=None,
            connect_timeout=5.0,
        )
        return Twin(
            source,
            address=address,
            credentials=Credentials(user=source.twin.role, password=None),
            tree_bytes=tree_bytes,
            nonce=lambda: "nonce",
            changed=self._changed,
            vouched=lambda: self.vouched,
        )

    def _changed(self) -> None:
        self.changes += 1

    def run(self, use: Callable[[Twin], Awaitable[Any]], **changes: Any) -> Any:
        async def work() -> Any:
            async with started(self.twin(**changes)) as twin:
                return await use(twin)

        return asyncio.run(work())

    def analyse(self, text: str, profile: str = "engineer") -> Analysis:
        found: Analysis = self.run(lambda twin: twin.analyse(profile, text, ()))
        return found

    def refused(self, **changes: Any) -> list[str]:
        """The problems a start is refused for."""
        with pytest.raises(ConfigError) as caught:
            self.run(lambda twin: asyncio.sleep(0), **changes)
        return list(caught.value.problems)

    @contextmanager
    def locked(self, table: str) -> Iterator[None]:
        with self.server.admin(self.name) as connection:
            connection.execute("BEGIN")
            connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield
            connection.execute("ROLLBACK")


@asynccontextmanager
async def started(twin: Twin) -> AsyncIterator[Twin]:
    try:
        await twin.start()
        yield twin
    finally:
        twin.close()


@asynccontextmanager
async def watched(twin: Twin) -> AsyncIterator[Twin]:
    """Started, and looking every interval as in the gateway."""
    async with started(twin):
        task = asyncio.get_running_loop().create_task(twin.watch())
        try:
            yield twin
        finally:
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled(), "the watch ended by itself"


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - what is waited for is another's state
            await asyncio.sleep(0.005)


def make_place(server: Postgres, name: str) -> Place:
    """The roles as they should be, and a database that is there."""
    for role, options in ROLES:
        server.role(role, options=options)
    with server.admin() as connection:
        connection.execute("GRANT unit_engineer, unit_moderator TO unit_twin")
        connection.execute("ALTER ROLE unit_twin RESET ALL")
        connection.execute("ALTER ROLE unit_twin SET log_min_messages = panic")
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if known is None:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
            server.load(SCHEMA, name)
    return Place(server, name)


@pytest.fixture
def everywhere(every_postgres: Postgres) -> Place:
    """Each server in turn; its database is shared by these tests."""
    return make_place(every_postgres, "unit_twin_shared")


@pytest.fixture
def place(postgres: Postgres) -> Place:
    """One server; the same database."""
    return make_place(postgres, "unit_twin_shared")


@pytest.fixture
def changing(every_postgres: Postgres) -> Iterator[Place]:
    """A database of the test's own, to change."""
    place = make_place(every_postgres, "unit_twin_changing")
    yield place
    with every_postgres.admin() as connection:
        connection.execute(f"DROP DATABASE {place.name} WITH (FORCE)")


def facts(analysis: Analysis):
    return read_facts("select", analysis.trees, analysis.catalog, max_tree_bytes=TREE_BYTES)


def labels(analysis: Analysis) -> list[str]:
    """Names of the output columns, out of the tree."""
    return re.findall(r":resname\s+(\S+)", analysis.trees[0])


# -- what it says ---------------------------------------------------------------------------------------------------


def test_a_statements_tree_is_the_servers_own(everywhere):
    analysis = everywhere.analyse("SELECT phone FROM contacts WHERE id = 7")

    found = facts(analysis)
    assert (analysis.complaint, len(analysis.trees)) == (None, 1)
    assert found.complete, found.detail
    assert {(c.relation, c.column) for c in found.columns} >= {("public.users", "phone"), ("public.users", "id")}
    assert found.relations == ("public.users",), "a view is what it is made of"


def test_a_statement_is_analysed_as_the_profiles_role(everywhere):
    """``closed`` is open to the moderators' role only; the twin itself may become either."""
    text = "SELECT body FROM closed.cases"

    refused, seen = everywhere.analyse(text, "engineer"), everywhere.analyse(text, "moderator")

    assert refused.complaint is not None
    assert (refused.complaint.sqlstate, refused.trees) == ("42501", ())
    assert seen.complaint is None
    assert facts(seen).relations == ("closed.cases",)


def test_parameter_types_are_the_callers(place):
    async def use(twin):
        named = await twin.analyse("engineer", "SELECT name FROM users WHERE id = $1", (23,))
        wrong = await twin.analyse("engineer", "SELECT name FROM users WHERE id = $1", (16,))
        return named, wrong

    named, wrong = place.run(use)

    assert facts(named).complete
    assert wrong.complaint is not None
    assert wrong.complaint.sqlstate == "42883"


@pytest.mark.parametrize(
    ("text", "state", "position"),
    [
        ("SELECT phne FROM users", "42703", "8"),
        ("SELECT 1 FROM usrs", "42P01", "15"),
        ("SELECT nme(name) FROM users", "42883", "8"),
        ("SELECT id + ARRAY[1] FROM users", "42883", "11"),
        ("SELECT 'x'::int FROM users", "22P02", "8"),
        ("SELECT é, phne FROM users", "42703", "8"),
    ],
)
def test_the_servers_complaint_is_told_with_its_state_and_position(everywhere, text, state, position):
    complaint = everywhere.analyse(text).complaint

    assert complaint is not None
    assert complaint.sqlstate == state
    fields = dict(complaint.fields)
    assert (fields["C"], fields["P"], fields["S"]) == (state, position, "ERROR")
    assert not fields.keys() & set("FLRWqp"), "places in the server's source are nobody's business"


def test_a_complaint_leaves_the_connection_usable(place):
    async def use(twin):
        return [
            (await twin.analyse("engineer", text, ())).complaint for text in ("SELECT nope", "SELECT 1", "SELECT 1")
        ]

    first, second, third = place.run(use, connections=1)

    assert first is not None
    assert (second, third) == (None, None)


# -- what it rests on -----------------------------------------------------------------------------------------------


def test_it_refuses_to_start_while_trees_would_be_logged(everywhere):
    everywhere.admin("ALTER ROLE unit_twin RESET log_min_messages")

    (problem,) = everywhere.refused()

    assert "log_min_messages = warning" in problem
    assert "ALTER ROLE unit_twin SET log_min_messages = panic" in problem
    assert "twin.accept_logged_trees: true" in problem


def test_it_starts_and_says_so_where_that_is_accepted_by_name(everywhere, caplog):
    everywhere.admin("ALTER ROLE unit_twin RESET log_min_messages")

    async def use(twin):
        return await twin.analyse("engineer", "SELECT name FROM users", ())

    assert facts(everywhere.run(use, accept_logged_trees=True)).complete
    assert "analysed_statements_may_reach_the_servers_log" in [record.message for record in caplog.records]


@pytest.mark.parametrize("logged", [False, True])
def test_nothing_of_a_statement_reaches_the_servers_log(everywhere, logged):
    """With everything switched on that could write it; the second run shows that the test would see it."""
    everywhere.admin(
        "ALTER ROLE unit_twin SET log_statement = 'all'",
        "ALTER ROLE unit_twin SET log_min_duration_statement = 0",
        "ALTER ROLE unit_twin SET log_min_error_statement = 'debug5'",
        "ALTER ROLE unit_twin SET log_parser_stats = on",
        f"ALTER ROLE unit_twin SET log_min_messages = {'log' if logged else 'panic'}",
    )
    before = everywhere.server.log.stat().st_size
    word = f"hidden-{everywhere.server.major}"

    async def use(twin):
        await twin.analyse("engineer", f"SELECT name FROM users WHERE phone = '{word}'", ())
        await twin.analyse("engineer", f"SELECT nope FROM users WHERE phone = '{word}'", ())
        with everywhere.locked("users"), pytest.raises(PolicyUnavailable):
            await twin.analyse("engineer", f"SELECT id FROM users WHERE phone = '{word}'", ())

    everywhere.run(use, accept_logged_trees=logged)

    with everywhere.server.log.open("rb") as file:
        file.seek(before)
        text = file.read().decode(errors="replace")
    numbers = r"\s+".join(str(byte) for byte in word.encode())  # how a tree prints a constant
    assert (word in text, re.search(numbers, text) is not None) == (logged, logged)


@pytest.mark.parametrize("role", ["unit_engineer", "unit_twin"])
@pytest.mark.parametrize("power", ["SUPERUSER", "BYPASSRLS", "REPLICATION", "CREATEROLE"])
def test_it_refuses_roles_with_power(place, role, power):
    place.admin(f"ALTER ROLE {role} {power}")

    problems = place.refused()

    assert any(problem.startswith(f"datasource messenger: role {role} is a superuser, or may") for problem in problems)


@pytest.mark.parametrize(
    "group",
    [
        "a superuser's",
        "pg_read_all_data",
        "pg_read_all_settings",
        "pg_read_all_stats",
        "pg_read_server_files",
        "pg_write_all_data",
        "pg_write_server_files",
        "pg_execute_server_program",
        "pg_signal_backend",
    ],
)
def test_it_refuses_a_role_that_may_become_one_with_power(everywhere, group):
    if group == "a superuser's":
        everywhere.server.role("unit_owner", options="NOLOGIN SUPERUSER")
        group = "unit_owner"
    everywhere.admin(f"GRANT {group} TO unit_moderator")
    try:
        problems = everywhere.refused()
    finally:
        everywhere.admin(f"REVOKE {group} FROM unit_moderator")

    (problem,) = problems
    assert problem.startswith("datasource messenger: role unit_moderator is a superuser, or may")
    assert problem.endswith(f"as it may become {group}: refused")


@pytest.mark.parametrize(
    "power", ["SUPERUSER", "BYPASSRLS", "REPLICATION", "CREATEROLE", "pg_read_all_data", "pg_read_server_files"]
)
def test_it_refuses_a_role_that_may_become_one_by_a_detour(everywhere, power):
    """Nothing is inherited, and SET ROLE, twice, is all it takes."""
    predefined = power.startswith("pg_")
    everywhere.server.role("unit_far", options=f"NOLOGIN NOINHERIT {'' if predefined else power}")
    everywhere.server.role("unit_near", options="NOLOGIN NOINHERIT")
    if predefined:
        everywhere.admin(f"GRANT {power} TO unit_far")
    everywhere.admin("GRANT unit_far TO unit_near", "GRANT unit_near TO unit_moderator")
    try:
        problems = everywhere.refused()
    finally:
        everywhere.admin("DROP ROLE unit_near", "DROP ROLE unit_far")

    (problem,) = problems
    assert problem.startswith("datasource messenger: role unit_moderator is a superuser, or may")
    assert problem.endswith(f"as it may become {power if predefined else 'unit_far'}: refused")


def test_it_refuses_a_monitors_role(everywhere):
    everywhere.admin("GRANT pg_monitor TO unit_engineer")
    try:
        problems = everywhere.refused()
    finally:
        everywhere.admin("REVOKE pg_monitor FROM unit_engineer")
    assert {problem.rpartition("become ")[2] for problem in problems} == {
        "pg_read_all_settings: refused",
        "pg_read_all_stats: refused",
    }


def test_it_refuses_a_database_that_is_not_utf8(everywhere):
    name = f"{everywhere.name}_latin"
    with everywhere.server.admin() as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        (problem,) = Place(everywhere.server, name).refused()
    finally:
        with everywhere.server.admin() as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    assert problem == "datasource messenger: the database's encoding is LATIN1; only UTF8 is supported"


def test_it_refuses_to_start_where_it_may_not_take_a_profiles_role(everywhere):
    everywhere.admin("REVOKE unit_moderator FROM unit_twin")

    (problem,) = everywhere.refused()

    assert "the twin cannot take the role unit_moderator of profile moderator" in problem
    assert "GRANT unit_moderator TO unit_twin" in problem


def test_every_problem_is_listed(place):
    place.admin("ALTER ROLE unit_twin RESET log_min_messages", "ALTER ROLE unit_engineer SUPERUSER")
    assert len(place.refused()) == 2


def test_a_log_that_becomes_loud_ends_the_analysing_until_it_is_mended(place):
    """A role's setting counts for sessions that begin after it: for the next connection, and after a restart."""

    async def work():
        async with watched(place.twin(connections=1)) as twin:
            place.admin("ALTER ROLE unit_twin SET log_min_messages = warning")
            assert (await twin.analyse("engineer", "SELECT 1", ())).complaint is None
            for idle in twin._analysts._idle.values():
                idle.clear()
            with pytest.raises(PolicyUnavailable) as caught:
                await twin.analyse("engineer", "SELECT 2", ())
            assert caught.value.reason is Reason.TWIN_UNAVAILABLE
            place.admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'unit_twin'")
            await until(lambda: twin.epoch is None and "log_min_messages" in twin.trouble)
            with pytest.raises(PolicyUnavailable):
                await twin.analyse("engineer", "SELECT 3", ())
            place.admin("ALTER ROLE unit_twin SET log_min_messages = panic")
            await until(lambda: twin.epoch is not None)
            assert (await twin.analyse("engineer", "SELECT 4", ())).complaint is None
            assert twin.trouble == ""

    asyncio.run(work())


def test_a_role_that_is_given_power_ends_the_analysing(place):
    async def work():
        async with watched(place.twin()) as twin:
            place.admin("ALTER ROLE unit_engineer BYPASSRLS")
            await until(lambda: twin.epoch is None)
            assert "unit_engineer" in twin.trouble
            place.admin("ALTER ROLE unit_engineer NOBYPASSRLS")
            await until(lambda: twin.epoch is not None)

    asyncio.run(work())


def test_the_catalogs_are_read_with_the_servers_own_operators(place):
    """An operator of somebody's in `public` could make the epoch stand still."""

    async def use(twin):
        return await twin._scout.rows("SHOW search_path", 5.0)

    assert place.run(use) == [("pg_catalog, pg_temp",)]


# -- locks, losses, limits ------------------------------------------------------------------------------------------


def test_a_locked_table_is_a_timeout_and_holds_up_nothing_else(everywhere):
    async def use(twin):
        loop = asyncio.get_running_loop()
        began = loop.time()
        with everywhere.locked("users"):
            waiting = loop.create_task(twin.analyse("engineer", "SELECT phone FROM users", ()))
            other = await twin.analyse("engineer", "SELECT name FROM stickers", ())
            with pytest.raises(PolicyUnavailable) as caught:
                await waiting
            took = loop.time() - began
        after = await twin.analyse("engineer", "SELECT phone FROM users", ())
        return caught.value.reason, took, facts(other).relations, facts(after).relations

    reason, took, other, after = everywhere.run(use)

    assert reason is Reason.TWIN_TIMEOUT
    assert took < 2.0, "lock_timeout_ms is 100"
    assert (other, after) == (("public.stickers",), ("public.users",))


def test_when_every_connection_waits_for_a_lock_the_next_statement_waits_no_longer_than_allowed(place):
    async def use(twin):
        with place.locked("users"):
            many = [twin.analyse("engineer", f"SELECT {n} FROM users", ()) for n in range(8)]
            return await asyncio.gather(*many, return_exceptions=True)

    found = place.run(use, connections=1, lock_timeout_ms=400, statement_timeout_ms=400)

    assert all(isinstance(one, PolicyUnavailable) for one in found), found
    assert {one.reason for one in found} == {Reason.TWIN_TIMEOUT}
    assert "busy" in found[-1].detail


USERS = frozenset({("users", False)})
WRITTEN = frozenset({("users", False), ("users", True)})


def _denied(twin: Twin, text: str, relations: Names, principal: str = "ann") -> Awaitable[PolicyUnavailable]:
    async def ask() -> PolicyUnavailable:
        with pytest.raises(PolicyUnavailable) as caught:
            await twin.analyse("engineer", text, (), principal=principal, relations=relations)
        assert caught.value.reason is Reason.TWIN_TIMEOUT
        return caught.value

    return ask()


def test_where_somebody_waited_in_vain_nobody_is_sent_for_a_moment(place):
    async def use(twin):
        clock = asyncio.get_running_loop().time
        with place.locked("users"):
            first = await _denied(twin, "SELECT name FROM users", USERS)
            began = clock()
            second = await _denied(twin, "SELECT phone FROM users, stickers", USERS | {("stickers", False)}, "ben")
            third = await _denied(twin, "UPDATE users SET name = ''", WRITTEN)
            took = clock() - began
            other = await twin.analyse("engineer", "SELECT name FROM stickers", (), relations={("stickers", False)})
        with pytest.raises(PolicyUnavailable):  # the pause is not over, although the lock is gone
            await twin.analyse("engineer", "SELECT name FROM users", (), relations=USERS)
        async with asyncio.timeout(60):
            while await _locked_out(twin):  # noqa: ASYNC110 - time passes
                await asyncio.sleep(0.01)
        return first.detail, second.detail, third.detail, took, facts(other).relations

    first, second, third, took, other = place.run(use, lock_timeout_ms=300)

    words = "waiting for a lock on users, which somebody else holds or waits for; "
    assert (first, second, third) == (words + "the analysis gave up", *[words + "try again in a moment"] * 2)
    assert took < 0.2, "the lock is not waited for again"
    assert other == ("public.stickers",)


async def _locked_out(twin: Twin) -> bool:
    try:
        await twin.analyse("engineer", "SELECT name FROM users", (), relations=USERS)
    except PolicyUnavailable:
        return True
    return False


def test_a_lock_that_stops_writers_lets_readers_pass(place):
    async def use(twin):
        with place.server.admin(place.name) as admin:
            admin.execute("BEGIN")
            admin.execute("LOCK TABLE users IN SHARE MODE")  # as CREATE INDEX takes
            detail = (await _denied(twin, "DELETE FROM users", WRITTEN)).detail
            read = await twin.analyse("engineer", "SELECT name FROM users", (), relations=USERS)
            again = (await _denied(twin, "DELETE FROM users", WRITTEN)).detail
            admin.execute("ROLLBACK")
        return detail, facts(read).complete, again

    detail, complete, again = place.run(use)

    assert (detail.rpartition("; ")[2], complete, again.rpartition("; ")[2]) == (
        "the analysis gave up",
        True,
        "try again in a moment",
    )


def test_a_locked_relation_does_not_park_every_connection(place):
    async def use(twin):
        loop = asyncio.get_running_loop()
        with place.locked("users"):
            parked = [
                loop.create_task(_denied(twin, f"SELECT {number} FROM users", USERS, f"p{number}"))
                for number in range(6)
            ]
            await until(lambda: _waiting(place))
            began = loop.time()
            other = await twin.analyse("engineer", "SELECT name FROM stickers", (), principal="ann")
            took = loop.time() - began
            details = [(await one).detail for one in parked]
        return len(_waiting(place)), took, facts(other).complete, details

    _, took, complete, details = place.run(use, connections=2, lock_timeout_ms=1000)

    assert complete
    assert took < 0.5
    assert sum(detail.endswith("gave up") for detail in details) == 1, "the others were told when the first knew"


def test_one_principal_does_not_hold_every_connection(place):
    """His statements name nothing that could be seen to be locked: a view's name says nothing of what it waits for."""

    async def use(twin):
        loop = asyncio.get_running_loop()
        with place.locked("users"):
            parked = [
                loop.create_task(_denied(twin, f"SELECT {number} FROM contacts", frozenset(), "abuser"))
                for number in range(4)
            ]
            await until(lambda: _waiting(place))
            began = loop.time()
            found = [
                await twin.analyse("engineer", f"SELECT name, {number} FROM stickers", (), principal="ann")
                for number in range(5)
            ]
            took = loop.time() - began
            for one in parked:
                await one
        return took, [facts(one).complete for one in found]

    took, complete = place.run(use, connections=2, lock_timeout_ms=1000)

    assert complete == [True] * 5
    assert took < 0.5


def test_an_alter_that_waits_is_waited_for_like_a_lock(place):
    async def use(twin):
        with place.server.admin(place.name) as reader, place.server.admin(place.name) as owner:
            reader.execute("BEGIN")
            reader.execute("SELECT 1 FROM users")
            waiting = asyncio.get_running_loop().run_in_executor(
                None, owner.execute, "ALTER TABLE users ALTER COLUMN name SET NOT NULL"
            )
            await until(lambda: _queued(place))
            detail = (await _denied(twin, "SELECT name FROM users", USERS)).detail
            other = await twin.analyse("engineer", "SELECT name FROM stickers", (), relations={("stickers", False)})
            reader.execute("COMMIT")
            await waiting
            owner.execute("ALTER TABLE users ALTER COLUMN name DROP NOT NULL")
        async with asyncio.timeout(60):
            while await _locked_out(twin):  # noqa: ASYNC110 - time passes
                await asyncio.sleep(0.01)
        return detail, facts(other).complete

    detail, complete = place.run(use)

    assert detail.startswith("waiting for a lock on users")
    assert complete


def _queued(place: Place) -> bool:
    with place.server.admin() as connection:
        return bool(
            connection.execute(
                "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE users%'"
            ).fetchall()
        )


def test_how_long_an_analysis_waited_for_its_turn_is_told(place):
    waited: list[float] = []

    async def work():
        twin = place.twin(connections=1)
        twin._waited = waited.append
        async with started(twin):
            await asyncio.gather(*(twin.analyse("engineer", f"SELECT {n}", ()) for n in range(3)))

    asyncio.run(work())

    assert len(waited) == 3
    assert 0 <= waited[0] <= waited[2] < 5, "the last one waited for both others"


def test_a_server_that_stops_and_comes_back_needs_no_help(new_postgres, caplog):
    server = new_postgres(18)
    place = make_place(server, "unit_twin")

    async def work():
        async with watched(place.twin()) as twin:
            first = twin.epoch
            assert first is not None
            await asyncio.to_thread(server.stop)
            await until(lambda: twin.epoch is None)
            with pytest.raises(PolicyUnavailable) as caught:
                await twin.analyse("engineer", "SELECT 1", ())
            assert caught.value.reason is Reason.TWIN_UNAVAILABLE
            changes = place.changes
            await asyncio.to_thread(server.start)
            await until(lambda: twin.epoch is not None)
            assert twin.epoch == first, "nothing changed meanwhile"
            assert place.changes > changes, "what was known is forgotten all the same"
            assert facts(await twin.analyse("engineer", "SELECT name FROM users", ())).complete

    asyncio.run(work())
    downs = [record for record in caplog.records if record.message == "twin_down"]
    assert 1 <= len(downs) <= 3, "told when it changes, not at every look"


def test_a_server_that_is_down_at_the_start_is_only_noted(new_postgres):
    server = new_postgres(18)
    place = make_place(server, "unit_twin")
    server.crash()

    async def work():
        async with watched(place.twin()) as twin:
            assert twin.epoch is None
            assert twin.trouble.startswith("the database could not be reached")
            server.start()
            await until(lambda: twin.epoch is not None)

    asyncio.run(work())


def test_a_login_that_is_refused_is_told_with_the_servers_words_in_the_log_only(place, caplog):
    async def use(twin):
        return twin.epoch, twin.trouble, twin.server_words

    place.admin("ALTER ROLE unit_twin NOLOGIN")
    epoch, trouble, words = place.run(use)

    assert (epoch, trouble) == (None, "the database refused the gateway's login")
    assert "unit_twin" in words
    assert [record.server_words for record in caplog.records if record.message == "twin_down"] == [words]


def test_sessions_of_the_twin_that_are_ended_are_opened_again(place):
    async def work():
        async with watched(place.twin()) as twin:
            place.admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'unit_twin'")
            await until(lambda: twin._scout.closed or twin.epoch is None)
            await until(lambda: twin.epoch is not None)
            assert facts(await twin.analyse("engineer", "SELECT name FROM users", ())).complete

    asyncio.run(work())


def test_an_error_nobody_foresaw_denies_and_does_not_end_the_watch(place, caplog):
    async def work():
        async with watched(place.twin()) as twin:
            load, twin._load = twin._load, None  # type: ignore[method-assign]
            place.admin(
                "CREATE TABLE new ()",
                "DROP TABLE new",
                "CREATE OR REPLACE VIEW contacts AS SELECT id, phone FROM users",
            )
            await until(lambda: twin.epoch is None)
            twin._load = load  # type: ignore[method-assign]
            await until(lambda: twin.epoch is not None)

    asyncio.run(work())
    assert "twin_failed" in [record.message for record in caplog.records]


@pytest.mark.parametrize("times", [1, 4], ids=["above the limit", "far above it"])
def test_a_tree_that_is_too_large_is_refused_and_the_next_is_not(everywhere, times):
    numbers = ",".join(str(number) for number in range(600 * times))

    async def use(twin):
        found: Any
        try:
            found = await twin.analyse("engineer", f"SELECT name FROM users WHERE id IN ({numbers})", ())
        except PolicyUnavailable as error:
            found = error.reason
        else:
            facts = read_facts("select", found.trees, found.catalog, max_tree_bytes=65_536)
            found = facts.incomplete
        after = await twin.analyse("engineer", "SELECT name FROM users", ())
        return found, len(after.trees)

    # up to twice the limit the reader says so, beyond it the connection
    found, after = everywhere.run(use, tree_bytes=65_536)

    assert found in ("tree_too_large", Reason.STATEMENT_INCOMPLETE)
    assert times == 1 or found is Reason.STATEMENT_INCOMPLETE
    assert after == 1


def test_after_close_nothing_is_asked_any_more(place):
    async def work():
        twin = place.twin()
        async with started(twin):
            pass
        with pytest.raises(PolicyUnavailable) as caught:
            await twin.analyse("engineer", "SELECT 1", ())
        return caught.value.reason

    assert asyncio.run(work()) is Reason.TWIN_UNAVAILABLE


# -- whose answer it is ---------------------------------------------------------------------------------------------


def test_analyses_in_parallel_each_get_their_own_answer(everywhere):
    async def use(twin):
        many = [
            twin.analyse(profile, f"SELECT id AS column_{number}_{profile} FROM users", ())
            for number in range(12)
            for profile in ("engineer", "moderator")
        ]
        return await asyncio.gather(*many)

    found = everywhere.run(use, connections=2)

    expected = [[f"column_{number}_{profile}"] for number in range(12) for profile in ("engineer", "moderator")]
    assert [labels(analysis) for analysis in found] == expected
    with everywhere.server.admin() as connection:
        (left,) = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'unit_twin'").fetchone()
    assert left <= 5


def test_a_cancelled_analysis_does_not_leave_its_answer_to_the_next(everywhere):
    """Cancelled at every point of its life, over one connection: before it is sent, while the server works, and when
    the answer has arrived and nobody has read it yet."""

    async def use(twin):
        loop = asyncio.get_running_loop()
        cancelled = 0
        for number in range(60):
            doomed = loop.create_task(twin.analyse("engineer", f"SELECT id AS doomed_{number} FROM users", ()))
            for _ in range(number % 6):
                await asyncio.sleep(0)
            if number % 10 == 9:
                await asyncio.sleep(0.002 * (number % 4))
            doomed.cancel()
            mine = await twin.analyse("engineer", f"SELECT id AS mine_{number} FROM users", ())
            assert labels(mine) == [f"mine_{number}"]
            await asyncio.wait([doomed])
            cancelled += doomed.cancelled()
        return cancelled

    assert everywhere.run(use, connections=1) > 30


def test_an_analysis_cancelled_while_it_waits_for_a_lock_does_not_either(place):
    async def use(twin):
        loop = asyncio.get_running_loop()
        with place.locked("users"):
            doomed = loop.create_task(twin.analyse("engineer", "SELECT id AS doomed FROM users", ()))
            while not _waiting(place):  # noqa: ASYNC110 - only the server knows
                await asyncio.sleep(0.005)
            doomed.cancel()
            await asyncio.wait([doomed])
            mine = await twin.analyse("engineer", "SELECT id AS mine FROM stickers", ())
        again = await twin.analyse("engineer", "SELECT id AS again FROM users", ())
        return labels(mine), labels(again)

    assert place.run(use, connections=1, lock_timeout_ms=2000) == (["mine"], ["again"])


def _waiting(place: Place) -> list[Any]:
    with place.server.admin() as connection:
        return connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE usename = 'unit_twin' AND wait_event_type = 'Lock'"
        ).fetchall()


# -- the epoch ------------------------------------------------------------------------------------------------------


async def _moves(place: Place, twin: Twin, *statements: str) -> bool:
    before, changes = twin.epoch, place.changes
    place.admin(*statements)
    await twin.start()  # one look
    assert (twin.epoch != before) == (place.changes != changes)
    return twin.epoch != before


def test_what_moves_the_epoch_and_what_does_not(changing):
    still = [
        "CREATE TEMP TABLE mine AS SELECT 1 AS x",
        "CREATE TEMP VIEW v AS SELECT 1 AS x",
        "ANALYZE",
        "INSERT INTO users VALUES (1, 'a', 'b')",
        "UPDATE users SET name = 'c'",
        "DELETE FROM users",
        "BEGIN; CREATE TABLE undone (id int); ROLLBACK",
    ]
    moving = [
        "ALTER TABLE users ADD COLUMN email text",
        "ALTER TABLE users RENAME COLUMN phone TO telephone",
        "ALTER TABLE stickers RENAME TO badges",
        "CREATE OR REPLACE VIEW contacts AS SELECT id, name AS phone FROM users",
        "CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT 2 * $1'",
        "CREATE OR REPLACE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT 3 * $1'",
        "GRANT unit_engineer TO unit_moderator",
        "REVOKE unit_engineer FROM unit_moderator",
        "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY mine ON users USING (name = current_user)",
        "CREATE DOMAIN phone AS text",
        "ALTER ROLE unit_engineer SET search_path = closed",
        "ALTER ROLE unit_engineer RESET search_path",
    ]

    async def use(twin):
        wrong = [(text, "moves") for text in still if await _moves(changing, twin, text)]
        return wrong + [(text, "stands still") for text in moving if not await _moves(changing, twin, text)]

    assert changing.run(use) == []


def test_a_new_epoch_comes_with_its_catalog(changing):
    async def work():
        async with watched(changing.twin()) as twin:
            was = twin.epoch
            changing.admin("CREATE TABLE fresh (id int)", "GRANT SELECT ON fresh TO unit_engineer")
            await until(lambda: twin.epoch not in (was, None))
            return facts(await twin.analyse("engineer", "SELECT id FROM fresh", ()))

    assert asyncio.run(work()).relations == ("public.fresh",)


def test_a_word_for_a_function_and_its_withdrawal_are_a_new_epoch(changing, caplog):
    """The catalogs stand still meanwhile: it is the registry that changed."""
    line = VouchedFunction(place="catalog.yaml:9")
    changing.admin("CREATE OR REPLACE FUNCTION initials(text) RETURNS text LANGUAGE sql AS 'SELECT left($1, 1)'")

    async def work():
        async with watched(changing.twin()) as twin:
            found = []
            for said in ({}, {"public.initials(text)": line, "public.gone()": line}, {}):
                was = twin.epoch
                changing.vouched = Vouched(revision=str(len(said)) if said else "", functions=said)
                if said != {} or found:
                    await until(lambda was=was: twin.epoch not in (was, None))
                found.append(facts(await twin.analyse("engineer", "SELECT initials('x')", ())).complete)
            return found

    with caplog.at_level("WARNING"):
        assert asyncio.run(work()) == [False, True, False]
    (told,) = [record for record in caplog.records if record.message == "vouched_for_in_vain"]
    assert told.line == "catalog.yaml:9: the database has no public.gone()"
