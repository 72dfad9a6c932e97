"""Coverage-guided: bytes that atheris breeds, at everything in `gateway.pgwire` that a peer can send bytes to.

``make fuzz`` runs it for FUZZ_SECONDS where there is a wheel of atheris; by hand
``python -m tests.fuzz.atheris_wire -max_total_time=60 CORPUS``. The first byte says which reader is meant. What breaks
an assertion, or raises anything but an error of ours, is left in a file, and the run fails.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import atheris

with atheris.instrument_imports(include=["gateway.pgwire"], enable_loader_override=False):
    from gateway.errors import ANSWERS, ClientProtocolError, SekishoError, UpstreamError
    from gateway.pgwire.actions import Action, Close, Judge, Judgement, Leave, ToServer
    from gateway.pgwire.login import ServerLogin
    from gateway.pgwire.proxy import SIGNATURE, read_header
    from gateway.pgwire.session import READ_AHEAD_BYTES, Session
    from gateway.pgwire.startup import SSL_REQUEST, Opening, Step, cancel_request, startup_message
    from tests.property.test_pgwire_session import test_whatever_a_client_sends
    from tests.unit.pgwire import playbook as wire
    from tests.wire_frames import iter_server_frames

SECRET: Final = b"phone"
_LIMIT: Final = 4096
_CLOSED: Final = frozenset({"08P01", "54000", "08006", "58000"})


def first_bytes(data: bytes) -> None:
    """Whole and byte by byte are the same, whatever it is; nothing is left to be read as if it came later."""
    tls, data = data[:1] == b"\1", data[1:]

    def opened(pieces: list[bytes]) -> list[object]:
        opening, found = Opening(tls_offered=tls), list[object]()
        try:
            for piece in pieces:
                opening.feed(piece)
                while (step := opening.step()) is not Step.MORE:
                    found.append(step)
                    if step is not Step.REFUSE_ENCRYPTION:
                        assert step is Step.START_DIRECT_TLS or not opening.take()
                        return [*found, opening.request, opening.cancel_key]
        except SekishoError as error:
            found.append(error.answer.sqlstate)
        return found

    whole, single = opened([data]), opened([data[at : at + 1] for at in range(len(data))])
    # What is sent together with a packet that should have come alone is refused; alone it is not seen yet.
    assert whole == single or "08P01" in whole or "28000" in whole, (whole, single)


def proxy_header(data: bytes) -> None:
    """An edge's header is read or refused."""
    try:
        header = read_header(SIGNATURE + data)
    except ClientProtocolError:
        return
    assert header is None or header.size <= len(SIGNATURE) + len(data)


def server_login(data: bytes) -> None:
    """Nothing that was not SCRAM gets us in where a password is set."""
    login = ServerLogin({"user": "u"}, password="secret", nonce="abc", end_point=data[:32], bound=bool(len(data) % 2))
    try:
        login.receive(data)
    except UpstreamError:
        return
    assert not login.ready


def session(data: bytes) -> None:
    """Bytes of both sides, in pieces: what names what is denied never goes to the server, and nothing grows."""
    chosen = atheris.FuzzedDataProvider(data)
    talk = Session(bulk_limit=_LIMIT, names_limit=5, nonce=lambda: "gw")
    for _ in range(12):
        piece = chosen.ConsumeBytes(chosen.ConsumeIntInRange(1, 200))
        actions = talk.client_data(piece) if chosen.ConsumeBool() else talk.server_data(piece)
        while actions:
            judge = check(actions)
            if any(isinstance(action, Close | Leave) for action in actions):
                return
            if judge is None:
                break
            denied = SECRET.decode() in judge.text
            actions = talk.judged(Judgement(None, wire.DENIED) if denied else Judgement("ticket"))
        assert talk._reader.pending() <= _LIMIT + READ_AHEAD_BYTES


def check(actions: list[Action]) -> Judge | None:
    """Nothing denied on its way to the server; the question that is asked, if any."""
    for action in actions:
        if isinstance(action, ToServer):
            for kind, start, end in iter_server_frames(action.data):
                assert chr(kind) not in "QP" or SECRET not in action.data[start:end]
        elif isinstance(action, Close):
            assert ANSWERS[action.reason].sqlstate in _CLOSED, action
    last = actions[-1] if actions else None
    return last if isinstance(last, Judge) else None


READERS: Final[tuple[Callable[[bytes], object], ...]] = (
    first_bytes,
    proxy_header,
    server_login,
    session,
    # The property test's own world: a model of PostgreSQL on the other side, everybody's moves bred as well.
    test_whatever_a_client_sends.hypothesis.fuzz_one_input,  # type: ignore[attr-defined]
)
START: Final = startup_message({"user": "li"})
CANCEL: Final = cancel_request(7, b"abcd")
SEEDS: Final = (
    *(
        b"\0" + tls + one
        for tls in (b"\0", b"\1")
        for one in (SSL_REQUEST, CANCEL, START, START + START, SSL_REQUEST + START, CANCEL + b"x", b"\x16\x03")
    ),
    b"\1\x21\x11\0\x0c" + bytes(12),
    b"\2" + wire.error("28P01", "no") + b"R\0\0\0\x17\0\0\0\nSCRAM-SHA-256\0\0",
    b"\3" + wire.query("SELECT 1") + wire.parse("s", "SELECT phone FROM users") + wire.bind("p", "s") + wire.SYNC,
    b"\3" + wire.PARSED + wire.BOUND + wire.COLUMNS + wire.row() + wire.complete("SELECT 1") + wire.ready(),
)


def read(data: bytes) -> None:
    """One input."""
    if data:
        READERS[data[0] % len(READERS)](data[1:])


def main() -> None:
    """Seeds go into the corpus's folder, which is the last argument."""
    corpus = Path(sys.argv[-1])
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS):
        (corpus / f"seed-{number}").write_bytes(seed)
    atheris.Setup(sys.argv, read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
