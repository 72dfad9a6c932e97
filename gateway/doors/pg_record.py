"""What a connection of the postgres door leaves in the record, besides its statements."""

from __future__ import annotations

import time
from typing import Final

from gateway.audit import record
from gateway.doors.desk import Desk
from gateway.doors.pg_login import LoggedIn
from gateway.errors import Reason
from gateway.model import Door, Peer

# Reasons that are told as a broken protocol, not as a refused login.
PROTOCOL_REASONS: Final = frozenset(
    {
        Reason.MESSAGE_MALFORMED,
        Reason.MESSAGE_TOO_LARGE,
        Reason.MESSAGE_REFUSED,
        Reason.STARTUP_TRUNCATED,
        Reason.TLS_HANDSHAKE_FAILED,
        Reason.PINNED_SETTING_CHANGED,
    }
)


def note_protocol_error(desk: Desk, peer: Peer, login: LoggedIn | None, reason: Reason, detail: str) -> None:
    """A peer, or a server, that does not keep to the protocol."""
    desk.metrics.denied(Door.POSTGRES, reason)
    entry = record.session_entry(
        record.Event.PROTOCOL_ERROR,
        at_ns=time.time_ns(),
        session=login.session if login is not None else None,
        door=Door.POSTGRES,
        peer=peer,
        principal_id=login.principal.id if login is not None else None,
        reason=reason,
        detail=detail,
    )
    if login is None:
        desk.note_stranger(entry, peer)
    else:
        desk.note(entry)


def note_close(desk: Desk, peer: Peer, login: LoggedIn, why: str, reason: Reason | None) -> None:
    """The end of a session."""
    desk.note(
        record.session_entry(
            record.Event.SESSION_CLOSE,
            at_ns=time.time_ns(),
            session=login.session,
            door=Door.POSTGRES,
            peer=peer,
            principal_id=login.principal.id,
            datasource=login.datasource,
            profile=login.profile,
            reason=reason,
            detail=why,
        )
    )
