"""The client of a case: sends exactly its messages, keeps every byte that comes back, and renders it for evidence.

Rendered: a row as ``row:a|b``, COPY data as it is, errors and notices with all fields, a command tag as ``tag:…``. An
evidence regex of the corpus is searched in that and in the raw bytes.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.pgwire.frames import encode
from gateway.pgwire.messages import decode_fields
from gateway.pgwire.startup import startup_message
from tests.bypass.cases import Step

_SECONDS = 10.0
_CLEARTEXT = struct.pack("!I", 3)
TERMINATE = encode(b"X")


class NoAnswer(Exception):
    """The gateway neither answered nor closed the connection."""


@dataclass(slots=True)
class Heard:
    """Everything that came back over one connection."""

    raw: bytearray = field(default_factory=bytearray)
    lines: list[str] = field(default_factory=list)
    rows: int = 0
    tags: list[str] = field(default_factory=list)
    errors: list[Mapping[str, str]] = field(default_factory=list)
    status: str = ""  # of the last ReadyForQuery
    types: int = 0  # parameters of the last ParameterDescription

    @property
    def text(self) -> str:
        """Rendered, then raw."""
        return "\n".join([*self.lines, self.raw.decode("utf-8", "replace")])

    def take(self, kind: bytes, body: bytes) -> None:
        """Note one message."""
        if kind == b"D":
            self.rows += 1
            self.lines.append("row:" + "|".join(_row(body)))
        elif kind == b"d":
            self.rows += 1
            self.lines.append(body.decode("utf-8", "replace").rstrip("\n"))
        elif kind in b"EN":
            fields = decode_fields(body)
            self.lines.append(f"{kind.decode()}:" + " ".join(f"{key}={value}" for key, value in fields.items()))
            if kind == b"E":
                self.errors.append(fields)
        elif kind == b"C":
            self.tags.append(body.rstrip(b"\0").decode("utf-8", "replace"))
            self.lines.append(f"tag:{self.tags[-1]}")
        elif kind == b"Z":
            self.status = body.decode()
        elif kind == b"t":
            self.types = int(struct.unpack_from("!H", body)[0])
        elif kind in b"ASV":
            self.lines.append(f"{kind.decode()}:{body.decode('utf-8', 'replace')}")


class Talk:
    """One connection to the postgres door."""

    def __init__(self, port: int) -> None:
        self.heard = Heard()
        self.closed = False
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def login(self, parameters: Mapping[str, Any], startup: Mapping[str, str]) -> bool:
        """Start-up and token; False where the gateway refused."""
        self._send(startup_message({"user": parameters["user"], "database": parameters["dbname"], **startup}))
        first = self._message()
        if first is None or first[0] == b"E":
            return False
        assert first == (b"R", _CLEARTEXT), first
        self._send(encode(b"p", parameters["password"].encode() + b"\0"))
        return self.ready()

    def step(self, step: Step, oids: Mapping[str, int]) -> None:
        """Send one message of a case; read to ReadyForQuery after those that bring it."""
        if self.closed:
            return
        kind, *rest = step
        match kind:
            case "Q" | "Qn":
                self._send(encode(b"Q", rest[0].encode() + b"\0"))
            case "Qhex":
                self._send(encode(b"Q", bytes.fromhex(rest[0]) + b"\0"))
            case "P":
                self._send(encode(b"P", _strings(rest[0], rest[1]) + b"\0\0"))
            case "B":
                self._send(bind(*rest))
            case "D" | "C":
                self._send(encode(kind.encode(), rest[0].encode() + _strings(rest[1])))
            case "E":
                self._send(encode(b"E", _strings(rest[0]) + struct.pack("!I", rest[1] if len(rest) > 1 else 0)))
            case "S" | "H":
                self._send(encode(kind.encode()))
            case "F":
                self._send(function_call(oids[rest[0]], rest[1]))
            case _:
                raise ValueError(f"unknown message in a case: {kind}")
        if kind in ("Q", "Qhex", "S", "F"):
            self.ready()

    def ready(self) -> bool:
        """Read up to ReadyForQuery; False where the connection ended first."""
        while (message := self._message()) is not None:
            if message[0] == b"Z":
                return True
            if message[0] == b"G":  # the server waits for COPY data: it gets none
                self._send(encode(b"f", b"no data\0"))
        return False

    def close(self) -> None:
        """Terminate, and read whatever still comes."""
        if not self.closed:
            self._send(TERMINATE)
            while self._message() is not None:
                pass
        self.hang_up()

    def hang_up(self) -> None:
        """Close at once."""
        self.closed = True
        self._socket.close()

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            while self._message() is not None:
                pass

    def _message(self) -> tuple[bytes, bytes] | None:
        while len(self._buffer) < 5 or len(self._buffer) < 1 + struct.unpack_from("!I", self._buffer, 1)[0]:
            try:
                data = self._socket.recv(65_536)
            except TimeoutError:
                raise NoAnswer(f"nothing for {_SECONDS:.0f} s") from None
            except ConnectionResetError:
                data = b""
            if not data:
                self.closed = True
                return None
            self.heard.raw += data
            self._buffer += data
        end = 1 + struct.unpack_from("!I", self._buffer, 1)[0]
        kind, body = self._buffer[:1], self._buffer[5:end]
        self._buffer = self._buffer[end:]
        self.heard.take(kind, body)
        return kind, body


def bind(portal: str, statement: str, values: list[str | None] | None = None) -> bytes:
    """A Bind message with text parameters."""
    given = values or []
    body = b"".join(
        struct.pack("!i", -1) if one is None else struct.pack("!I", len(one.encode())) + one.encode() for one in given
    )
    return encode(b"B", _strings(portal, statement) + struct.pack("!HH", 0, len(given)) + body + b"\0\0")


def function_call(oid: int, values: list[str]) -> bytes:
    """A FunctionCall message with text arguments."""
    body = b"".join(struct.pack("!I", len(one.encode())) + one.encode() for one in values)
    return encode(b"F", struct.pack("!IHH", oid, 0, len(values)) + body + b"\0\0")


def _strings(*texts: str) -> bytes:
    return b"".join(text.encode() + b"\0" for text in texts)


def _row(body: bytes) -> list[str]:
    (count,) = struct.unpack_from("!H", body)
    at, values = 2, []
    for _ in range(count):
        (length,) = struct.unpack_from("!i", body, at)
        at += 4
        values.append("" if length < 0 else body[at : at + length].decode("utf-8", "replace"))
        at += max(length, 0)
    return values
