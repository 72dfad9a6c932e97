"""What a connection leaves in the record besides its statements."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from gateway.doors.pg_login import LoggedIn
from gateway.doors.pg_record import PROTOCOL_REASONS, note_close, note_protocol_error
from gateway.errors import ANSWERS, Reason
from gateway.metrics import LoginMethod
from gateway.model import Peer, Principal

PEER = Peer(address="203.0.113.7", site="tokyo-hq")
LOGIN = LoggedIn(
    strict=False,
    session="s-1",
    principal=Principal(issuer="i", subject="sato", database_user="sato", expires_at=1),
    datasource="messenger",
    profile="engineer",
    address=cast(Any, None),
    server=cast(Any, None),
    registry=cast(Any, None),
    own_path='"public", pg_temp',
    search_path='"public", pg_temp',
)


class Book:
    """A desk that keeps what it is given."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self.strangers: list[Any] = []
        self.denied: list[Reason] = []
        self.metrics = SimpleNamespace(denied=lambda door, reason: self.denied.append(reason))

    def note(self, entry: Any) -> None:
        self.entries.append(entry)

    def note_stranger(self, entry: Any, peer: Peer) -> None:
        self.strangers.append(entry)


def test_reasons_of_the_protocol_are_protocol_violations():
    assert {ANSWERS[reason].sqlstate for reason in PROTOCOL_REASONS} == {"08P01"}
    assert LoginMethod.NONE not in PROTOCOL_REASONS


def test_who_is_not_logged_in_is_limited_and_who_is_is_not():
    book = Book()
    note_protocol_error(cast(Any, book), PEER, None, Reason.MESSAGE_MALFORMED, "why")
    note_protocol_error(cast(Any, book), PEER, LOGIN, Reason.MESSAGE_REFUSED, "why")
    (stranger,), (known,) = book.strangers, book.entries
    assert (stranger["session"], stranger["principal_id"], stranger["reason"]) == (None, None, "message_malformed")
    assert (known["session"], known["principal_id"], known["reason"]) == ("s-1", "i#sato", "message_refused")
    assert known["peer"] == stranger["peer"] == {"address": "203.0.113.7", "via_edge": False, "site": "tokyo-hq"}
    assert book.denied == [Reason.MESSAGE_MALFORMED, Reason.MESSAGE_REFUSED]


def test_the_end_of_a_session():
    book = Book()
    note_close(cast(Any, book), PEER, LOGIN, "the client left", None)
    (entry,) = book.entries
    assert (entry["event"], entry["session"], entry["profile"]) == ("session_close", "s-1", "engineer")
    assert (entry["detail"], entry["reason"]) == ("the client left", None)
