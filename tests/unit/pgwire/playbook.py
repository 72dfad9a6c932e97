"""Playbooks for `gateway.pgwire.session`: what goes in, and the actions that must come out.

``play(Client(...), Judge(...), Judged(...), ToServer(...), ...)``: inputs (`Client`, `Server`, `Judged`), each followed
by the actions expected of it. The whole is played in one piece, byte by byte, and split in two at every position of
every input: bytes for each side, judgements and completions must be the same.

Own names are predictable here: ``gw_1``, ``gw_2``, … in the order they are made.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from struct import pack
from typing import Any

from gateway.naming import Naming
from gateway.pgwire.actions import Action, Analysed, Close, Completed, Judge, Judgement, Leave, ToClient, ToServer
from gateway.pgwire.frames import encode
from gateway.pgwire.session import Session
from gateway.pgwire.strict import Approver
from gateway.search_path import PathDeed
from tests.wire_frames import iter_server_frames

# ------------------------------------------------------------------------------------------------------------- inputs


@dataclass(frozen=True)
class Client:
    """Bytes from the client."""

    data: bytes


@dataclass(frozen=True)
class Server:
    """Bytes from the server."""

    data: bytes


@dataclass(frozen=True)
class Judged:
    """An answer: allowed with a ticket, perhaps as another text or guarded, or these fields instead."""

    ticket: object = None
    instead: dict[str, str] | None = None
    text: str | None = None
    guarded: bool = False
    lasting: bool = False
    naming: Naming | None = None
    path: PathDeed = PathDeed.KEEPS


@dataclass(frozen=True)
class Asked:
    """The door asks a strict session about a text."""

    text: str
    types: tuple[int, ...] = ()


Input = Client | Server | Judged | Asked
DENIED = {"S": "ERROR", "V": "ERROR", "C": "42501", "M": "not for you", "D": "rule r1", "H": "decision d-1"}

# ----------------------------------------------------------------------------------------------- messages of a client


def query(text: str | bytes) -> bytes:
    return encode(b"Q", _raw(text) + b"\0")


def parse(name: str, text: str | bytes, *types: int) -> bytes:
    oids = b"".join(pack("!I", oid) for oid in types)
    return encode(b"P", _raw(name) + b"\0" + _raw(text) + b"\0" + pack("!H", len(types)) + oids)


def bind(portal: str, statement: str, *values: bytes | None) -> bytes:
    packed = b"".join(pack("!i", -1) if v is None else pack("!i", len(v)) + v for v in values)
    rest = pack("!H", 0) + pack("!H", len(values)) + packed + pack("!H", 0)
    return encode(b"B", _raw(portal) + b"\0" + _raw(statement) + b"\0" + rest)


def describe(target: str, name: str) -> bytes:
    return encode(b"D", target.encode() + _raw(name) + b"\0")


def execute(portal: str = "", limit: int = 0) -> bytes:
    return encode(b"E", _raw(portal) + b"\0" + pack("!i", limit))


def close(target: str, name: str) -> bytes:
    return encode(b"C", target.encode() + _raw(name) + b"\0")


SYNC, FLUSH, TERMINATE = encode(b"S"), encode(b"H"), encode(b"X")

# ----------------------------------------------------------------------------------------------- messages of a server

PARSED, BOUND, CLOSED, NO_DATA = encode(b"1"), encode(b"2"), encode(b"3"), encode(b"n")
EMPTY, SUSPENDED = encode(b"I"), encode(b"s")
PARAMETERS = encode(b"t", pack("!H", 0))
COLUMNS = encode(b"T", pack("!H", 1) + b"n\0" + pack("!IHIhih", 0, 0, 23, 4, -1, 0))


def row(value: bytes = b"1") -> bytes:
    return encode(b"D", pack("!H", 1) + pack("!i", len(value)) + value)


def complete(tag: str) -> bytes:
    return encode(b"C", tag.encode() + b"\0")


def ready(status: str = "I") -> bytes:
    return encode(b"Z", status.encode())


def error(sqlstate: str, message: str | bytes, **fields: str) -> bytes:
    """An ErrorResponse as a server writes it, with a position and a routine that no reworded one may keep."""
    head = b"SERROR\0VERROR\0C" + sqlstate.encode() + b"\0M" + _raw(message) + b"\0"
    tail = b"".join(code.encode() + text.encode() + b"\0" for code, text in fields.items())
    return encode(b"E", head + tail + b"P1\0Rscanner_yyerror\0\0")


def words(fields: dict[str, str]) -> bytes:
    """An ErrorResponse of exactly these fields."""
    return encode(b"E", b"".join(k.encode() + v.encode() + b"\0" for k, v in fields.items()) + b"\0")


def syntax_error(word: str) -> bytes:
    return error("42601", f'syntax error at or near "{word}"')


def setting(name: str, value: str) -> bytes:
    return encode(b"S", name.encode() + b"\0" + value.encode() + b"\0")


def notice(message: str) -> bytes:
    return encode(b"N", b"SNOTICE\0C00000\0M" + message.encode() + b"\0\0")


def _raw(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


# ------------------------------------------------------------------------------------------------------------ playing


@dataclass
class Outcome:
    """Actions in the form in which they must not depend on how bytes arrive."""

    up: list[bytes | Action] = field(default_factory=list)  # to the server, with judgements and ends in their places
    down: bytes = b""
    completed: list[Completed] = field(default_factory=list)

    def add(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case ToServer():
                    if self.up and isinstance(self.up[-1], bytes):
                        self.up[-1] += action.data
                    else:
                        self.up.append(action.data)
                case ToClient():
                    self.down += action.data
                case Completed():
                    self.completed.append(action)
                case Judge() | Analysed() | Close() | Leave():
                    self.up.append(action)

    def lines(self) -> Iterator[str]:
        for one in self.up:
            if isinstance(one, bytes):
                yield from (f"  to server  {line}" for line in _frames(one))
            else:
                yield f"  {one}"
        yield from (f"  to client  {line}" for line in _frames(self.down))
        yield from (f"  {one}" for one in self.completed)


def _frames(data: bytes) -> Iterator[str]:
    position = 0
    for kind, start, end in iter_server_frames(data):
        yield f"{chr(kind)} {data[start:end]!r}"
        position = end
    if data[position:]:
        yield f"… {data[position:]!r}"


def new_session(
    *,
    bulk_limit: int = 65_536,
    names_limit: int = 100,
    nonce: str = "gw",
    approver: Approver | None = None,
    tree_bytes: int = 10_000,
    search_path: str = "public",
) -> Session:
    """``approver``: of a strict session."""
    return Session(
        bulk_limit=bulk_limit,
        names_limit=names_limit,
        nonce=lambda: nonce,
        approver=approver,
        tree_bytes=tree_bytes,
        search_path=search_path,
    )


def feed(session: Session, one: Input, pieces: Iterable[bytes] | None = None) -> list[Action]:
    """One input, in pieces."""
    if isinstance(one, Asked):
        return session.ask(one.text, one.types)
    if isinstance(one, Judged):
        return session.judged(
            Judgement(one.ticket, one.instead, one.text, one.guarded, one.lasting, one.naming, one.path)
        )
    take = session.client_data if isinstance(one, Client) else session.server_data
    return [action for piece in (pieces if pieces is not None else [one.data]) for action in take(piece)]


def play(*script: Input | Action, splits: bool = True, **options: Any) -> Session:
    """Play a script in every way; returns the session of the play in one piece."""
    inputs: list[Input] = []
    expected: list[Outcome] = []
    for one in script:
        if isinstance(one, Client | Server | Judged | Asked):
            inputs.append(one)
            expected.append(Outcome())
        else:
            expected[-1].add([one])
    session = _play(inputs, expected, {}, "in one piece", options)
    if splits:
        each = {n: [bytes([b]) for b in one.data] for n, one in enumerate(inputs) if isinstance(one, Client | Server)}
        _play(inputs, expected, each, "byte by byte", options)
        for number, one in enumerate(inputs):
            if isinstance(one, Client | Server):
                for at in range(1, len(one.data)):
                    cut = {number: [one.data[:at], one.data[at:]]}
                    _play(inputs, expected, cut, f"input {number} split at byte {at}", options)
    return session


def _play(
    inputs: list[Input],
    expected: list[Outcome],
    pieces: dict[int, list[bytes]],
    how: str,
    options: dict[str, Any],
) -> Session:
    session = new_session(**options)
    for number, (one, wanted) in enumerate(zip(inputs, expected, strict=True)):
        found = Outcome()
        found.add(feed(session, one, pieces.get(number)))
        if found != wanted:
            diff = difflib.ndiff(list(wanted.lines()), list(found.lines()))
            raise AssertionError(f"{how}, after input {number} ({one}):\n" + "\n".join(diff))
    return session
