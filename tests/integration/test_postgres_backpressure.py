"""Whoever stops reading makes the other side wait, and the gateway's memory stays as it was."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from gateway.demo.characters import LI, SATO
from gateway.demo.database import Database
from gateway.pgwire.frames import encode
from tests.houses import House
from tests.integration.postgres_wire import SYNC, Wire, bind, bystander, errors, events, execute, parse, query, until

pytestmark = pytest.mark.integration

MEGABYTE = 1024 * 1024
GIGABYTE = "SELECT repeat('x', 1000) FROM generate_series(1, 1000000)"
WIDE = "SELECT repeat('x', 10000000) FROM generate_series(1, 100)"


Entered = tuple[Wire, Callable[[Database], int]]


def memory() -> int:
    """Bytes that this process, and with it the gateway, holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def grows_by_less_than(size: int) -> Iterator[None]:
    before = memory()
    yield
    assert memory() - before < size


@pytest.fixture
def entered(house: House, request: pytest.FixtureRequest) -> Iterator[tuple[Wire, Callable[[Database], int]]]:
    """A session, and what finds the server's process of it."""
    name = f"pressure {request.node.name}"[:60]
    with Wire(house.ports.sites["tokyo-hq"]) as wire:
        wire.startup("sato", application_name=name)
        wire.password(house.token(SATO))
        assert wire.until(b"Z", b"E")[-1] == (b"Z", b"I")

        def pid(messenger: Database) -> int:
            with messenger.connect() as admin:
                asked = "SELECT pid FROM pg_stat_activity WHERE application_name = %s"
                return int(admin.execute(asked, (name,)).fetchall()[0][0])

        yield wire, pid


def send_until_it_waits(wire: Wire, data: bytes) -> None:
    """Send the same again and again, until nobody has taken any of it for a while."""
    wire.socket.settimeout(0.5)
    try:
        for _ in range(100_000):
            wire.send(data)
    except TimeoutError:
        return
    pytest.fail("all of it was taken")


def waits_for(messenger: Database, pid: int, event: str) -> bool:
    with messenger.connect() as admin:
        found = admin.execute("SELECT wait_event FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone()
        return found == (event,)


@pytest.mark.parametrize(
    "request_",
    [
        query(GIGABYTE),
        query(WIDE),
        parse(GIGABYTE) + bind() + execute() + SYNC,
        query(f"COPY ({GIGABYTE}) TO STDOUT"),
    ],
    ids=["rows", "wide rows", "extended", "copy"],
)
def test_a_client_that_stops_reading_a_gigabyte(
    house: House,
    messenger: Database,
    entered: Entered,
    request_: bytes,
) -> None:
    wire, pid = entered
    number = pid(messenger)
    with bystander(house, LI):
        with grows_by_less_than(20 * MEGABYTE):
            wire.send(request_)
            assert len(wire.socket.recv(100_000)) > 0
            until(lambda: waits_for(messenger, number, "ClientWrite"))
        before = len(events(house, "session_close"))
        wire.socket.close()
        until(lambda: len(events(house, "session_close")) > before)
    with messenger.connect() as admin:
        asked = "SELECT FROM pg_stat_activity WHERE pid = %s"
        until(lambda: admin.execute(asked, (number,)).fetchone() is None)


def test_a_client_that_reads_slowly_gets_all_of_it(house: House, entered: Entered) -> None:
    wire, _ = entered
    with grows_by_less_than(20 * MEGABYTE):
        wire.send(query("SELECT repeat('x', 1000) FROM generate_series(1, 20000)"))
        received = 0
        last = b""
        while not last.endswith(b"Z\0\0\0\x05I"):
            data = wire.socket.recv(4096)
            received += len(data)
            last = (last + data)[-10:]
    assert received > 20_000_000


def test_a_client_that_asks_much_and_reads_nothing(house: House, messenger: Database, entered: Entered) -> None:
    wire, pid = entered
    number = pid(messenger)
    question = query("SELECT repeat('y', 3000) FROM generate_series(1, 100)")
    with bystander(house, LI):
        with grows_by_less_than(20 * MEGABYTE):
            send_until_it_waits(wire, question * 100)
            until(lambda: waits_for(messenger, number, "ClientWrite"))


def test_messages_that_never_become_whole(new_house: Callable[..., House]) -> None:
    """Each is within its limit; all of them together are not."""
    house = new_house({"limits": {"message_bytes": 4 * MEGABYTE, "waiting_bytes": 10 * MEGABYTE}})
    port = house.ports.sites["tokyo-hq"]
    text = "SELECT 1 -- " + "x" * (3 * MEGABYTE)
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(port).login(house, SATO)) for _ in range(3)]
        for wire in wires:
            wire.send(query(text)[:-10])
        last = stack.enter_context(Wire(port).login(house, SATO))
        last.send(query(text)[: 2 * MEGABYTE])
        fields = last.fatal()
        assert (fields["C"], fields["H"]) == ("53200", "Reason: no_room")
        for wire in wires:
            wire.send(query(text)[-10:])
            assert errors(wire.until(b"Z")) == ["42501"], "denied for its length"
        with Wire(port).login(house, SATO) as another:
            another.send(query(text))
            assert errors(another.until(b"Z")) == ["42501"]
    assert house.metric("sekisho_sessions_closed_total", reason="no_room") == 1


def test_data_for_a_server_that_stops_reading(house: House, messenger: Database, entered: Entered) -> None:
    wire, pid = entered
    number = pid(messenger)
    wire.send(query("COPY feature_flags FROM STDIN"))
    assert wire.until(b"G", b"E")[-1][0] == b"G"
    lines = encode(b"d", b"".join(b"t-%08d\ttrue\n" % line for line in range(4000)))
    with bystander(house, LI):
        os.kill(number, signal.SIGSTOP)
        try:
            with grows_by_less_than(20 * MEGABYTE):
                send_until_it_waits(wire, lines)
        finally:
            os.kill(number, signal.SIGCONT)
    # what was half sent is not a whole message: the rest of it, and then the copy fails
    wire.socket.close()
    with messenger.connect() as admin:
        asked = "SELECT FROM pg_stat_activity WHERE pid = %s"
        until(lambda: admin.execute(asked, (number,)).fetchone() is None)
        assert admin.execute("SELECT count(*) FROM feature_flags WHERE key LIKE 't-%'").fetchone() == (0,)
