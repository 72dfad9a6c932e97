"""A client of the postgres door without a driver: sends exactly the bytes it is told to, reads what comes back."""

from __future__ import annotations

import signal
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from gateway.demo.characters import Character
from gateway.demo.settings import DATASOURCE
from gateway.pgwire.frames import encode
from gateway.pgwire.messages import decode_fields
from gateway.pgwire.startup import SSL_REQUEST, startup_message
from tests.houses import House

Message = tuple[bytes, bytes]


class Wire:
    """One TCP connection."""

    def __init__(self, port: int, *, source: str = "127.0.0.1") -> None:
        place, here = ("127.0.0.1", port), (source, 0)
        self.socket: socket.socket = socket.create_connection(place, timeout=20, source_address=here)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self.key = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def message(self) -> Message | None:
        """The next message; None at the end of the stream."""
        while len(self._buffer) < 5 or len(self._buffer) < 1 + struct.unpack_from("!I", self._buffer, 1)[0]:
            try:
                data = self.socket.recv(65_536)
            except ConnectionResetError:
                return None
            if not data:
                assert not self._buffer, "the stream ends within a message"
                return None
            self._buffer += data
        end = 1 + struct.unpack_from("!I", self._buffer, 1)[0]
        kind, body = self._buffer[:1], self._buffer[5:end]
        self._buffer = self._buffer[end:]
        return kind, body

    def until(self, *kinds: bytes) -> list[Message]:
        """Messages up to and with the first of one of these kinds, or to the end of the stream."""
        found: list[Message] = []
        while (message := self.message()) is not None:
            found.append(message)
            if message[0] in kinds:
                break
        return found

    def fatal(self) -> dict[str, str]:
        """Read to the end of the stream: the fields of the only error, which is FATAL and the last message."""
        messages = self.until()
        assert [kind for kind, _ in messages].count(b"E") == 1, messages
        kind, body = messages[-1]
        assert kind == b"E", messages
        fields = decode_fields(body)
        assert fields["S"] == fields["V"] == "FATAL"
        return fields

    def startup(self, user: str, database: str = DATASOURCE, **parameters: str) -> None:
        self.send(startup_message({"user": user, "database": database, **parameters}))

    def password(self, text: str | bytes) -> None:
        assert self.message() == (b"R", struct.pack("!I", 3))
        raw = text.encode() if isinstance(text, str) else text
        self.send(encode(b"p", raw + b"\0"))

    def login(self, house: House, who: Character) -> Self:
        """Start-up, token, up to ReadyForQuery."""
        self.startup(who.subject)
        self.password(house.token(who))
        greeting = self.until(b"Z", b"E")
        assert greeting[-1] == (b"Z", b"I"), greeting
        self.key = next(body for kind, body in greeting if kind == b"K")
        return self

    def start_tls(self, ca: Any) -> Self:
        """SSLRequest, S, handshake."""
        self.send(SSL_REQUEST)
        assert self.socket.recv(1) == b"S"
        return self.wrap(ca)

    def wrap(self, ca: Any) -> Self:
        """The handshake."""
        context = ssl.create_default_context(cafile=str(ca))
        self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")
        return self


def query(sql: str | bytes) -> bytes:
    """A Query message."""
    return encode(b"Q", (sql.encode() if isinstance(sql, str) else sql) + b"\0")


def parse(sql: str, name: str = "") -> bytes:
    """A Parse message without parameter types."""
    return encode(b"P", name.encode() + b"\0" + sql.encode() + b"\0" + b"\0\0")


def bind(statement: str = "", portal: str = "") -> bytes:
    """A Bind message without parameters."""
    return encode(b"B", portal.encode() + b"\0" + statement.encode() + b"\0" + b"\0\0\0\0\0\0")


def execute(portal: str = "", limit: int = 0) -> bytes:
    """An Execute message."""
    return encode(b"E", portal.encode() + b"\0" + struct.pack("!I", limit))


SYNC = encode(b"S")
FLUSH = encode(b"H")


def errors(messages: list[Message]) -> list[str]:
    """SQLSTATEs of the errors among messages."""
    return [decode_fields(body)["C"] for kind, body in messages if kind == b"E"]


def rows(messages: list[Message]) -> int:
    """How many rows came."""
    return sum(1 for kind, _ in messages if kind == b"D")


# Sessions that run a text; the twin may be reading it just then.
ACTIVE = "SELECT pid FROM pg_stat_activity WHERE query = %s AND state = 'active' AND application_name <> 'sekisho twin'"


def until(condition: Callable[[], Any], *, seconds: float = 60) -> Any:
    """Wait for something to become true; its value. What takes long is looked at less often: a look costs, too."""
    began = time.monotonic()
    while not (found := condition()):
        waited = time.monotonic() - began
        assert waited < seconds, "it did not happen in time"
        time.sleep(min(0.01 + waited / 10, 0.1))
    return found


def signal_pending(pid: int, number: signal.Signals) -> bool:
    """Whether a signal waits for a stopped process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    masks = [int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd", "ShdPnd"))]
    return any(mask >> (number - 1) & 1 for mask in masks)


def events(house: House, event: str, *, after: int = 0) -> list[Any]:
    """Entries of the record about sessions and logins."""
    return [entry for entry in house.entries("event")[after:] if entry["event"] == event]


def new_entries(house: House, before: int, kind: str | None = None) -> list[Any]:
    """Entries written since there were ``before``."""
    return [entry for entry in house.entries()[before:] if kind is None or entry["kind"] == kind]


@contextmanager
def bystander(house: House, who: Character) -> Iterator[None]:
    """Another session, open meanwhile; afterwards it still works."""
    with house.connect(who) as connection:
        assert connection.execute("SELECT count(*) FROM regions").fetchone() == (5,)
        yield
        assert connection.execute("SELECT count(*) FROM regions").fetchone() == (5,)
