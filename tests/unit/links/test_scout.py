"""How late a change of the catalogs is noticed: told by the event trigger, or at the interval; and what it costs."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.config import Datasource
from gateway.config import Twin as TwinSettings
from gateway.errors import Reason, UpstreamError
from gateway.links.scout import _LEAST_REST, Alarm, Epochs, looked_up_in, read_epoch
from gateway.sql.epoch import EPOCH_QUERY, VISIBLE_QUERY
from gateway.sql.provision import CHANNEL, provision_sql
from tests.servers import Postgres
from tests.unit.links.test_twin import Place, facts, make_place, until, watched

LONG = 60_000  # an interval that no test waits for


def trigger(place: Place) -> str:
    """What `sekisho provision --epoch-trigger` prints for it."""
    return provision_sql(database=place.name, twin_role="unit_twin", profiles=(), epoch_trigger=True)


@pytest.fixture
def told(every_postgres: Postgres) -> Iterator[Place]:
    """A database with the event trigger."""
    place = make_place(every_postgres, "unit_scout")
    every_postgres.load(trigger(place), place.name)
    yield place
    with every_postgres.admin() as connection:
        connection.execute(f"DROP DATABASE {place.name} WITH (FORCE)")


@pytest.fixture
def untold(postgres: Postgres) -> Iterator[Place]:
    """One without."""
    place = make_place(postgres, "unit_scout_untold")
    yield place
    with postgres.admin() as connection:
        connection.execute(f"DROP DATABASE {place.name} WITH (FORCE)")


# -- the alarm ------------------------------------------------------------------------------------------------------


def slept(ring: bool, seconds: float, looked_for: float) -> float:
    async def work() -> float:
        alarm = Alarm()
        if ring:
            alarm.ring()
        began = time.monotonic()
        await alarm.sleep(seconds, looked_for=looked_for)
        return time.monotonic() - began

    return asyncio.run(work())


def test_it_sleeps_until_it_is_time():
    assert slept(False, 0.2, 0.0) >= 0.2


@pytest.mark.parametrize(
    ("looked_for", "rest"), [(0.0, _LEAST_REST), (0.2, 0.2), (10.0, 0.4)], ids=["least", "in proportion", "at most"]
)
def test_it_rests_before_it_rings(looked_for, rest):
    """At most the whole interval: then it is as if nobody rang."""
    took = slept(True, 0.4, looked_for)
    assert rest <= took < rest + 0.19


def test_what_rings_during_a_look_is_not_lost():
    async def work() -> None:
        alarm = Alarm()
        alarm.ring()
        await alarm.sleep(30.0, looked_for=0.0)
        alarm.ring()  # while the look is on its way
        async with asyncio.timeout(20):
            await alarm.sleep(30.0, looked_for=0.0)

    asyncio.run(work())


def test_names_are_looked_up_in_the_path_and_among_the_servers_own():
    def path(*schemas: str) -> frozenset[str] | None:
        twin = TwinSettings(role="t")
        return looked_up_in(Datasource(id="x", host="/", database="x", twin=twin, profiles=(), search_path=schemas))

    assert path("app", "public") == {"app", "public", "pg_catalog"}
    assert path("$user", "public") is None


# -- told -----------------------------------------------------------------------------------------------------------


def test_a_change_is_noticed_when_it_is_told(told):
    async def work():
        took = []
        async with watched(told.twin(epoch_interval_ms=LONG)) as twin:
            for number in range(5):
                was = twin.epoch
                told.admin(f"ALTER TABLE users ADD COLUMN n{number} int")
                began = time.monotonic()
                await until(lambda was=was: twin.epoch not in (was, None))
                took.append(time.monotonic() - began)
        return took

    assert max(asyncio.run(work())) < 5, "without being told it would be a minute"


def test_where_nothing_is_told_the_interval_finds_it(untold):
    async def work():
        async with watched(untold.twin(epoch_interval_ms=200)) as twin:
            was = twin.epoch
            untold.admin("ALTER TABLE users ADD COLUMN more text")
            await until(lambda: twin.epoch not in (was, None))

    asyncio.run(work())


def test_the_trigger_may_come_later(untold):
    """Nothing has to be started anew."""

    async def work():
        async with watched(untold.twin(epoch_interval_ms=LONG)) as twin:
            untold.server.load(trigger(untold), untold.name)
            was = twin.epoch
            untold.admin("ALTER TABLE users ADD COLUMN later text")
            await until(lambda: twin.epoch not in (was, None))

    asyncio.run(work())


def test_roles_and_memberships_raise_no_event_and_are_found_at_the_interval(told):
    async def work():
        async with watched(told.twin(epoch_interval_ms=200)) as twin:
            was = twin.epoch
            told.admin("GRANT unit_engineer TO unit_moderator")
            try:
                await until(lambda: twin.epoch not in (was, None))
            finally:
                told.admin("REVOKE unit_engineer FROM unit_moderator")

    asyncio.run(work())


def test_an_ordinary_owner_may_change_what_is_his(told):
    """The trigger runs as whoever changes something: it must not need rights that he has not."""
    told.admin("CREATE SCHEMA his AUTHORIZATION unit_engineer")
    with psycopg.connect(**told.server.parameters(told.name, user="unit_engineer"), autocommit=True) as owner:
        owner.execute("CREATE TABLE his.own (id int)")
        owner.execute("ALTER TABLE his.own ADD COLUMN more text")
        owner.execute("DROP TABLE his.own")


def test_whoever_notifies_all_the_time_makes_it_look_often_but_not_without_end(told):
    async def work():
        looks = 0
        async with watched(told.twin(epoch_interval_ms=LONG)) as twin:
            look = twin._look

            async def counted() -> None:
                nonlocal looks
                looks += 1
                await look()

            twin._look = counted
            began = time.monotonic()
            with told.server.admin(told.name) as anybody:
                for number in range(400):
                    anybody.execute(f"NOTIFY {CHANNEL}, '{number}'")
                    await asyncio.sleep(0.002)
            took = time.monotonic() - began
            assert (await twin.analyse("engineer", "SELECT name FROM users", ())).complaint is None
        return looks, took

    looks, took = asyncio.run(work())
    assert 1 <= looks <= took / _LEAST_REST + 2


def test_a_notification_in_the_middle_of_an_answer_is_no_part_of_it(told):
    async def use(twin):
        scout, rings = twin._scout, []
        scout.heard = lambda: rings.append(1)
        rows = await scout.rows("NOTIFY sekisho_epoch; SELECT pg_notify('sekisho_epoch', 'x'), 'mine'; SELECT 1", 5.0)
        assert rows == [("", "mine"), ("1",)]
        assert await scout.rows("SELECT 2", 5.0) == [("2",)]
        return len(rings)

    assert told.run(use) == 2


# -- whether anything can have changed ------------------------------------------------------------------------------

CHANGE = "ALTER TABLE users ADD COLUMN more text"


@pytest.fixture
def quiet(new_postgres) -> Place:
    """A server on which nobody else does anything."""
    settings = {"autovacuum": "off", "max_prepared_transactions": "2"}
    return make_place(new_postgres(18, settings=settings), "unit_quiet")


def test_nothing_is_read_while_no_transaction_ends(quiet):
    async def use(twin):
        scout, asked = twin._scout, []
        rows = scout.rows

        async def heard(query: str, seconds: float) -> object:
            asked.append(query)
            return await rows(query, seconds)

        scout.rows = heard
        epochs = Epochs(scout)
        first = await epochs.read(5.0)
        for _ in range(5):
            assert await epochs.read(5.0) == first
        assert (asked.count(VISIBLE_QUERY), asked.count(EPOCH_QUERY)) == (6, 1)
        quiet.admin("INSERT INTO users VALUES (1, 'x', 'y')")  # somebody did something, and it was not the catalogs
        assert await epochs.read(5.0) == first
        assert asked.count(EPOCH_QUERY) == 2
        quiet.admin(CHANGE)
        assert await epochs.read(5.0) not in (first, "")
        assert asked.count(EPOCH_QUERY) == 3

    quiet.run(use)


def test_a_question_that_fails_is_asked_again(quiet):
    async def use(twin):
        scout, rows = twin._scout, twin._scout.rows
        epochs = Epochs(scout)
        first = await epochs.read(5.0)
        quiet.admin(CHANGE)

        async def late(query: str, seconds: float) -> object:
            if query == EPOCH_QUERY:
                raise UpstreamError(Reason.TWIN_TIMEOUT, "for a test")
            return await rows(query, seconds)

        scout.rows = late
        with pytest.raises(UpstreamError):
            await epochs.read(5.0)
        scout.rows = rows
        assert await epochs.read(5.0) != first

    quiet.run(use)


def test_where_the_server_does_not_say_what_is_visible_the_catalogs_are_read_each_time(quiet, caplog):
    """As servers do that only speak like PostgreSQL."""
    quiet.admin("REVOKE EXECUTE ON FUNCTION pg_catalog.pg_is_in_recovery() FROM PUBLIC")

    async def work():
        with caplog.at_level("INFO"):
            async with watched(quiet.twin(epoch_interval_ms=50)) as twin:
                for number in range(3):
                    was = twin.epoch
                    quiet.admin(f"ALTER TABLE users ADD COLUMN n{number} int")
                    await until(lambda was=was: twin.epoch not in (was, None))

    asyncio.run(work())
    refusals = [one for one in caplog.records if one.message == "catalogs_are_read_at_every_look"]
    assert [one.server_words for one in refusals] == ["42501: permission denied for function pg_is_in_recovery"]


def test_what_is_committed_after_a_look_is_seen_by_the_next_one(quiet):
    """It was begun, and had its number, before the look; an older one goes on."""

    async def use(twin):
        epochs = Epochs(twin._scout)
        with quiet.server.admin(quiet.name) as older, quiet.server.admin(quiet.name) as one:
            older.execute("BEGIN; INSERT INTO stickers VALUES (2, 'x')")
            one.execute(f"BEGIN; SAVEPOINT s; {CHANGE}")
            quiet.admin("INSERT INTO stickers VALUES (1, 'x')")
            before = await epochs.read(5.0)
            assert before == await read_epoch(twin._scout, 5.0)
            one.execute("COMMIT")
            assert await epochs.read(5.0) == await read_epoch(twin._scout, 5.0) != before
            older.execute("ROLLBACK")

    quiet.run(use)


def test_what_was_prepared_is_seen_when_it_is_committed(quiet):
    async def use(twin):
        epochs = Epochs(twin._scout)
        quiet.admin("BEGIN", CHANGE, "PREPARE TRANSACTION 'one'")
        before = await epochs.read(5.0)
        quiet.admin("COMMIT PREPARED 'one'")
        assert await epochs.read(5.0) == await read_epoch(twin._scout, 5.0) != before

    quiet.run(use)


def test_what_waits_for_a_standby_is_seen_when_others_see_it(quiet):
    """Its commit is in the log long before; nobody sees it until the standby has it, or whoever waits gives up."""
    quiet.admin("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

    def change() -> None:
        with quiet.server.admin(quiet.name) as connection:
            connection.execute("SET synchronous_commit = on")
            connection.execute(CHANGE)

    async def use(twin):
        epochs = Epochs(twin._scout)
        first = await epochs.read(5.0)
        committing = threading.Thread(target=change)
        committing.start()
        with quiet.server.admin() as admin:
            await until(lambda: admin.execute(waiting).fetchall())
            assert await epochs.read(5.0) == first
            admin.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
            await asyncio.to_thread(committing.join)
            assert await epochs.read(5.0) == await read_epoch(twin._scout, 5.0) != first

    quiet.run(use)


# -- what a change leaves alone -------------------------------------------------------------------------------------


def test_what_changed_is_known_as_far_as_the_relations_go(told):
    async def work():
        async with watched(told.twin(epoch_interval_ms=LONG)) as twin:
            users = facts(await twin.analyse("engineer", "SELECT name FROM users", ()))
            stickers = facts(await twin.analyse("engineer", "SELECT name FROM stickers", ()))
            first = twin.epoch
            told.admin("ALTER TABLE users ADD COLUMN more text")
            await until(lambda: twin.epoch not in (first, None))
            assert not twin.changes.everything
            assert twin.history.stands(first, stickers.depends)
            assert not twin.history.stands(first, users.depends)
            second = twin.epoch
            told.admin("CREATE TABLE closed.more (id int)")
            await until(lambda: twin.epoch not in (second, None))
            assert twin.history.stands(first, stickers.depends)
            assert twin.history.stands(second, users.depends)
            third = twin.epoch
            told.admin("CREATE TABLE more (id int)")
            await until(lambda: twin.epoch not in (third, None))
            assert twin.changes.everything
            assert not twin.history.stands(third, stickers.depends)

    asyncio.run(work())


def test_after_a_loss_nothing_stands(untold):
    async def work():
        async with watched(untold.twin(epoch_interval_ms=100)) as twin:
            first = twin.epoch
            untold.admin("ALTER TABLE users ADD COLUMN more text")
            await until(lambda: twin.epoch not in (first, None))
            assert twin.history.stands(first, frozenset())
            twin._down("for a test")
            assert not twin.history.stands(first, frozenset())
            await until(lambda: twin.epoch is not None)
            assert twin.changes.everything

    asyncio.run(work())


# -- a standby ------------------------------------------------------------------------------------------------------


@pytest.fixture
def standby(new_postgres) -> Iterator[tuple[Place, Postgres]]:
    """A server and a hot standby of it."""
    primary = new_postgres(18)
    place = make_place(primary, "unit_standby")
    with primary.admin() as admin:
        admin.execute("ALTER ROLE postgres REPLICATION")
    hba = primary.data / "pg_hba.conf"
    hba.write_text("local replication all trust\n" + hba.read_text())
    with primary.admin() as admin:
        admin.execute("SELECT pg_reload_conf()")
    scratch = Path(tempfile.mkdtemp(prefix="sekisho-pg-", dir="/tmp"))
    copy = Postgres(18, scratch, {})
    scratch.chmod(0o755)
    copy._own(scratch)
    socket = str(primary.socket_directory)
    port = str(primary.port)
    copy._run(
        "pg_basebackup", "-h", socket, "-p", port, "-U", "postgres", "-D", copy.data, "-R", "-X", "stream", "-c", "fast"
    )
    copy.port = primary.port
    with (copy.data / "postgresql.conf").open("a") as file:
        file.write(f"\nunix_socket_directories = '{scratch}'\nlisten_addresses = ''\n")
    copy.start()
    yield place, copy
    copy.stop()
    subprocess.run(["rm", "-rf", str(scratch)], check=True)


def test_a_standby_tells_nothing_and_is_looked_at_all_the_same(standby, caplog):
    place, copy = standby
    on_copy = Place(copy, place.name)

    async def work():
        with caplog.at_level("INFO"):
            async with watched(on_copy.twin(epoch_interval_ms=100)) as twin:
                assert twin.epoch is not None
                was = twin.epoch
                place.admin("CREATE TABLE new (id int)")
                await until(lambda: twin.epoch not in (was, None))
                assert facts(await twin.analyse("engineer", "SELECT name FROM users", ())).complete

    asyncio.run(work())
    assert "catalog_changes_are_not_told" in [record.message for record in caplog.records]


def test_on_a_standby_it_counts_how_far_the_log_was_replayed(standby):
    """There the snapshot does not name who goes on: it stays as it is when one of several ends."""
    place, copy = standby

    async def use(twin):
        async def snapshot() -> str:
            return (await twin._scout.rows("SELECT pg_current_snapshot()::text", 5.0))[0][0]

        epochs = Epochs(twin._scout)
        with (
            place.server.admin(place.name) as older,
            place.server.admin(place.name) as one,
            copy.admin(place.name) as reader,
        ):
            older.execute("BEGIN; INSERT INTO stickers VALUES (2, 'x')")
            one.execute(f"BEGIN; {CHANGE}")
            place.admin("INSERT INTO stickers VALUES (1, 'x')")
            await until(lambda: reader.execute("SELECT id FROM stickers").fetchall())
            before, seen = await epochs.read(5.0), await snapshot()
            one.execute("COMMIT")
            written = older.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()
            replayed = "SELECT 1 WHERE pg_last_wal_replay_lsn() >= %s::pg_lsn"
            await until(lambda: reader.execute(replayed, written).fetchall())
            assert await epochs.read(5.0) == await read_epoch(twin._scout, 5.0) != before
            assert await snapshot() == seen, "so nothing but the log tells"
            older.execute("ROLLBACK")

    Place(copy, place.name).run(use)
