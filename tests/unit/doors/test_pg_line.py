"""The client's line: what reaches the session, and what a failure of it becomes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from gateway.doors.pg_line import ClientLine
from gateway.doors.pg_session import Relay
from gateway.errors import ClientProtocolError, Reason, SekishoError


class Transport(asyncio.Transport):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[object] = []
        self.closing = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.told.append(protocol)

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: bytes | bytearray | memoryview) -> None:  # type: ignore[override]  # as this test needs it
        self.told.append(bytes(data))

    def pause_reading(self) -> None:
        self.told.append("pause")

    def resume_reading(self) -> None:
        self.told.append("resume")


class Owner:
    """Whose connection it is."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def failed(self, error: SekishoError) -> None:
        self.told.append(error.reason)

    def end(self, reason: Reason, detail: str) -> None:
        self.told.append((reason, detail))

    def left(self) -> None:
        self.told.append("left")

    def eof_received(self) -> bool:
        self.told.append("eof")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append("lost")


def test_what_is_written_and_held_until_it_is_over():
    owner, transport = Owner(), Transport()
    line = ClientLine(owner, transport)
    line.write(b"1")
    for wait in (True, True, False, False):
        line.hold(wait)
    transport.closing = True
    line.write(b"2")
    transport.closing = False
    line.over = True
    line.write(b"3")
    line.hold(True)
    assert transport.told == [b"1", "pause", "resume"]
    line.data_received(b"nobody hears it")
    line.pause_writing()
    line.resume_writing()
    line.left()
    line.end(Reason.INTERNAL, "why")
    assert line.eof_received() is False
    line.connection_lost(None)
    assert owner.told == ["left", (Reason.INTERNAL, "why"), "eof", "lost"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ClientProtocolError(Reason.MESSAGE_REFUSED, "no"), [Reason.MESSAGE_REFUSED]),
        (RuntimeError("nobody foresaw this"), [(Reason.INTERNAL, "")]),
    ],
)
def test_a_failure_of_the_session_is_the_owners(
    error: Exception, told: list[object], relay_that: Callable[[Exception], Relay], caplog: pytest.LogCaptureFixture
) -> None:
    owner, transport = Owner(), Transport()
    line = ClientLine(owner, transport)
    line.take(relay_that(error))
    assert transport.told == [line]
    line.data_received(b"x")
    assert owner.told == told
    assert ("connection_failed" in caplog.text) is (told == [(Reason.INTERNAL, "")])


@pytest.fixture
def relay_that() -> Callable[[Exception], Relay]:
    class Failing:
        def __init__(self, error: Exception) -> None:
            self.error = error

        def client_data(self, data: bytes) -> None:
            raise self.error

    return lambda error: cast(Relay, Failing(error))
