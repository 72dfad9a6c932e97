"""What pools send between two uses of a connection: everything goes back to how the session began, pins included."""

from __future__ import annotations

import pytest

from gateway.demo.characters import LI
from tests.houses import House
from tests.integration.postgres_wire import SYNC, Wire, bind, errors, execute, parse, query, rows

pytestmark = pytest.mark.integration

PINNED = "SELECT current_setting('search_path'), current_setting('client_encoding'), current_setting('row_security'), "
PINNED += "current_setting('standard_conforming_strings'), current_user, session_user, current_setting('jit')"


@pytest.mark.parametrize(
    "text",
    ["RESET ALL", "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;", "DISCARD ALL"],
    ids=["all", "asyncpg", "discard"],
)
def test_reset_all_keeps_what_is_pinned(house: House, text: str) -> None:
    with house.connect(LI) as connection:
        before = connection.execute(PINNED).fetchone()
        connection.execute("SELECT set_config('jit', 'off', false)")
        connection.execute("SET application_name = 'other'; SET statement_timeout = 5000; SET row_security = off")
        connection.execute("SET search_path = pg_catalog")
        assert connection.execute(PINNED).fetchone() != before
        connection.execute(text)
        assert connection.execute(PINNED).fetchone() == before
        assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)


def test_close_all_leaves_statements_and_names_usable(house: House) -> None:
    with house.connect(LI) as connection:
        for _ in range(3):
            assert connection.execute("SELECT name FROM stickers WHERE id = %s", (1,), prepare=True).rowcount == 1
            connection.execute("CLOSE ALL")


def test_discard_all_leaves_no_statement_and_no_name(house: House) -> None:
    with Wire(house.ports.sites[LI.site]).login(house, LI) as wire:
        wire.send(parse("SELECT 1", "s") + SYNC + query("PREPARE p AS SELECT 2") + query("DISCARD ALL"))
        assert [errors(wire.until(b"Z")) for _ in range(3)] == [[], [], []]
        wire.send(bind("s") + SYNC + query("EXECUTE p") + parse("SELECT 3", "s") + bind("s") + execute() + SYNC)
        assert errors(wire.until(b"Z")) == ["26000"]
        assert errors(wire.until(b"Z")) == ["26000"]
        assert rows(wire.until(b"Z")) == 1
