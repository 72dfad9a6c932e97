"""Twins as the composition root starts them: one that is down denies, one that must be mended ends the start."""

from __future__ import annotations

from tests.houses import House
from tests.unit.test_app import alone as alone
from tests.unit.test_app import application, refused, run


def test_a_database_that_is_down_does_not_keep_it_from_being_ready(alone):
    async def work() -> None:
        one = application(alone)
        await one.start()
        ready, troubles = one.desk.ready()
        await one.stop()
        assert ready
        assert troubles == ["datasource messenger: the database could not be reached (FileNotFoundError)"]

    run(work)


def test_a_twin_that_must_be_mended_ends_the_start_and_all_it_had_begun(messenger, tmp_path):
    house = House(tmp_path, messenger)
    with messenger.connect() as connection:
        connection.execute("ALTER ROLE sekisho_twin RESET log_min_messages")
    try:
        (problem,) = refused(house)
    finally:
        with messenger.connect() as connection:
            connection.execute("ALTER ROLE sekisho_twin SET log_min_messages = panic")
    assert "log_min_messages" in problem
