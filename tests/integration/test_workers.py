"""``sekisho serve --workers 2``, the real processes: spread, counted and limited together, and none harms another.

A session's worker is read off its cancel key: the process id tells whose it is (`gateway.doors.cancel`).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from gateway.audit.segments import list_segments
from gateway.audit.verify import verify
from gateway.cli import main
from gateway.client import Client, Refused
from gateway.demo.characters import LI, MORI, SATO, TANAKA, Character
from gateway.demo.database import Database
from gateway.demo.serving import await_ready
from gateway.demo.settings import DATASOURCE
from tests.crews import Crew, Session
from tests.integration.postgres_wire import Wire, errors, query, until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="several workers need Linux"),
]

NAME = "SELECT name FROM users WHERE id = 7"
PHONES = "SELECT phone FROM users LIMIT 7"
LONG = "SELECT count(*) FROM generate_series(1, 100001) a, generate_series(1, 100001) b"
RUNNING = (
    "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%generate_series(1, 100001) a%' "
    "AND pid <> pg_backend_pid() AND application_name <> 'sekisho twin'"
)
WORKERS = 2


@pytest.fixture(scope="module")
def crew(messenger: Database) -> Iterator[Crew]:
    with tempfile.TemporaryDirectory(prefix="sekisho-crew-") as directory:
        running = Crew(Path(directory), messenger)
        try:
            running.start()
            await_ready(running, f"{running.house.http}/readyz")
            yield running
        finally:
            running.stop()


@pytest.fixture
def kept() -> Iterator[list[Session]]:
    """Connections that are closed afterwards."""
    sessions: list[Session] = []
    yield sessions
    for one in sessions:
        one.close()


def test_logins_are_spread_and_counted_together(crew: Crew, kept: list[Session]) -> None:
    before = crew.everything()
    sessions = [crew.session(1, kept), crew.session(2, kept)]
    for session in sessions:
        assert len(session.execute(PHONES).fetchall()) == 7
    for _ in range(3):  # whichever worker answers
        after = crew.everything()
        grown = {key: value - before.get(key, 0) for key, value in after.items()}  # some series begin with their use
        decided = {labels: count for (name, labels), count in grown.items() if name == "sekisho_decisions_total"}
        assert grown["sekisho_logins_total", (("method", "token"), ("result", "allowed"))] == len(kept)
        ours = {("door", "postgres"), ("effect", "allow"), ("mode", "enforce")}  # from whichever source
        assert sum(count for labels, count in decided.items() if ours <= set(labels)) == 2
        assert grown["sekisho_rows_total", (("door", "postgres"),)] == 14
        assert crew.metric("sessions", door="postgres") == len(kept)
    assert crew.metric("workers") == WORKERS
    assert crew.metric("twin_up", datasource="messenger") == 1
    assert [line["workers"] for line in crew.logged("started")] == [WORKERS], "one line says that it runs"


def test_a_limit_sees_what_the_other_worker_let_out(crew: Crew, kept: list[Session]) -> None:
    one, two = crew.session(1, kept), crew.session(2, kept)
    seen = [
        _volume(crew, session, f"SELECT phone, {column} FROM users LIMIT 7")
        for column, session in (
            ("name", one),
            ("name", two),
            ("email", two),
            ("email", one),
        )
    ]
    assert seen == [seen[0] + 7 * number for number in range(4)], "theirs as well, and none twice"


def _volume(crew: Crew, session: Session, sql: str) -> int:
    """Rows so far as the decision about this statement knew them; it is new to its worker."""
    session.execute(sql).fetchall()
    crew.metric("workers")  # both have told what they had to tell
    return max(crew.house.entries("decision"), key=lambda entry: entry["at_us"])["volume"]["rows"]


def test_a_person_in_two_countries_is_noticed_whichever_workers_serve_them(crew: Crew, kept: list[Session]) -> None:
    here = crew.session(1, kept, MORI, site="tokyo-hq")
    assert here.execute(NAME).fetchone() is not None
    there = crew.session(2, kept, MORI, site="seoul-office")
    for session in (there, here):
        crew.metric("workers")  # both have told what they had to tell
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="JP, KR"):
            session.execute(NAME)


def test_a_block_by_command_is_the_same_for_all(crew: Crew, kept: list[Session]) -> None:
    """It lies in one file that each of them watches."""

    def sekisho(*arguments: str) -> None:
        done = CliRunner().invoke(main, [*arguments, "--config", str(crew.house.layout.config)])
        assert done.exit_code == 0, done.output

    sessions = [crew.session(number, kept, TANAKA) for number in (1, 2)]
    sekisho("block", "tanaka", "--reason", "token stolen")
    try:
        for session in sessions:
            until(partial(_ended, session))
        assert crew.metric("sessions_closed_total", reason="principal_blocked") == len(kept)
        with pytest.raises(psycopg.OperationalError, match=r"access is blocked \(admin-1\)"):
            crew.house.connect(TANAKA)
    finally:
        sekisho("unblock", "admin-1")


def _ended(session: Session) -> bool:
    try:
        session.execute("SELECT 1")
    except psycopg.OperationalError:
        return True
    return False


def test_a_cancel_request_reaches_the_worker_whose_session_it_is(crew: Crew, messenger: Database) -> None:
    with Wire(crew.house.ports.sites["tokyo-hq"]).login(crew.house, SATO) as wire, messenger.connect() as admin:
        process, secret = struct.unpack("!I", wire.key[:4])[0], wire.key[4:]
        other = 2 - process % WORKERS
        wire.send(query(LONG))
        server = until(lambda: admin.execute(RUNNING).fetchone())
        for number in (1, 2):
            _cancel(crew, number, process, bytes([secret[0] ^ 1]) + secret[1:])
            _cancel(crew, number, process + WORKERS, secret)
        assert crew.metric("workers") == WORKERS  # both have answered since
        assert admin.execute(RUNNING).fetchone() == server, "a wrong key does nothing, wherever it comes in"
        sent, elsewhere = (crew.metric("cancel_requests_total", result=one) for one in ("sent", "elsewhere"))
        _cancel(crew, other, process, secret)
        assert errors(wire.until(b"Z")) == ["57014"]
        wire.send(query("SELECT 1"))
        assert errors(wire.until(b"Z")) == []
    assert crew.metric("cancel_requests_total", result="sent") == sent + 1
    assert crew.metric("cancel_requests_total", result="elsewhere") == elsewhere + 1


def _cancel(crew: Crew, number: int, process: int, secret: bytes) -> None:
    """A cancel request that arrives at this worker."""
    for _ in range(64):
        with Wire(crew.house.ports.sites["tokyo-hq"]) as wire:
            if _taken_by(wire.socket, crew.pid(number)):
                wire.send(struct.pack("!III", 12 + len(secret), 80877102, process) + secret)
                assert wire.until() == [], "there is no answer to a cancel request"
                return
    raise AssertionError("64 connections, and none landed there")


def _taken_by(client: socket.socket, pid: int) -> bool:
    """Whether the other end of a connection belongs to this process; waits until it has been accepted."""
    ends = [f"{int.from_bytes(socket.inet_aton(host)[::-1]):08X}:{port:04X}" for host, port in _pair(client)]
    return bool(until(lambda: _owner(ends)) == pid)


def _pair(client: socket.socket) -> tuple[tuple[str, int], tuple[str, int]]:
    return client.getpeername(), client.getsockname()


def _owner(ends: list[str]) -> int | None:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    inodes = [row[9] for row in rows if row[1:3] == ends and row[9] != "0"]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            links = [os.readlink(link) for link in (process / "fd").iterdir()]
        except OSError:  # it has gone meanwhile
            continue
        if inodes and f"socket:[{inodes[0]}]" in links:
            return int(process.name)
    return None


def post(crew: Crew, path: str, document: dict[str, Any], who: Character = SATO) -> tuple[int, Any]:
    """Over a connection of its own: whichever worker takes it."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {crew.house.token(who)}"}
    request = urllib.request.Request(f"{crew.house.http}{path}", json.dumps(document).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def decided(crew: Crew) -> str:
    """A decision that can be completed."""
    status, told = post(crew, "/v1/authorize", {"datasource": DATASOURCE, "statement": {"sql": "SELECT 1"}})
    assert (status, told["reason"]) == (200, "allowed"), told
    return str(told["decision_id"])


def decider(decision_id: str) -> int:
    """Worker 1 or 2."""
    return int(decision_id.rpartition("-")[2], 16) % WORKERS + 1


def test_a_completion_finds_the_worker_that_decided(crew: Crew) -> None:
    made = [decided(crew) for _ in range(16)]
    assert {decider(one) for one in made} == {1, 2}
    before = crew.metric("completions_total", door="http", result="ok")
    with ThreadPoolExecutor(8) as pool:

        def told(decision_id: str) -> list[int]:
            assert post(crew, "/v1/complete", {"decision_id": decision_id, "rows": 2}, LI)[0] == 404, "it is not theirs"
            twice = [pool.submit(post, crew, "/v1/complete", {"decision_id": decision_id, "rows": 2}) for _ in "ab"]
            return sorted(one.result(20)[0] for one in twice)

        assert [told(one) for one in made] == [[200, 404]] * len(made), "told once, whichever worker is told"
    assert crew.metric("completions_total", door="http", result="ok") == before + len(made)
    recorded = [entry["decision_id"] for entry in crew.house.entries("completion") if entry["decision_id"] in made]
    assert sorted(recorded) == sorted(made)
    prefix, _, number = made[0].rpartition("-")
    for nobody in (f"{prefix}-{int(number, 16) + 9000:x}", f"{prefix}-{int(number, 16) + 9001:x}", "d-1"):
        status, problem = post(crew, "/v1/complete", {"decision_id": nobody, "rows": 1})
        assert (status, problem["reason"]) == (404, "decision_unknown")


def test_so_it_is_over_grpc(crew: Crew) -> None:
    settings: dict[str, Any] = {"plaintext": True, "token": crew.house.token(SATO)}
    for _ in range(8):
        with Client(f"127.0.0.1:{crew.house.ports.grpc}", **settings) as asking:
            answer = asking.authorize(DATASOURCE, "SELECT 1")
        with Client(f"127.0.0.1:{crew.house.ports.grpc}", **settings) as telling:
            telling.complete(answer.decision_id, 1)
            with pytest.raises(Refused, match="decision_unknown"):
                telling.complete(answer.decision_id, 1)


def test_a_worker_that_is_killed_takes_nobody_with_it(crew: Crew, kept: list[Session]) -> None:
    other, lost = crew.session(1, kept), crew.session(2, kept)
    lost.execute(PHONES).fetchall()
    other.execute("BEGIN")
    before, restarts = crew.everything(), crew.metric("worker_restarts_total")
    open_there = next(one for one in iter(partial(decided, crew), "") if decider(one) == 2)
    (segment,) = list_segments(crew.house.layout.record)["gateway-2"][-1:]
    with segment.path.open("ab") as file:
        file.write(b'{"at_us":17')  # as a power cut would leave it
    first = crew.pid(2)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(psycopg.OperationalError):
        lost.execute("SELECT 1")
    assert other.execute("SELECT 1").fetchone() == (1,)
    until(lambda: crew.pid(2) != first and crew.metric("workers") == WORKERS, seconds=30)
    assert crew.metric("worker_restarts_total") == restarts + 1
    assert all(value >= before[key] for key, value in crew.everything().items() if key in before), "nothing goes back"
    assert crew.logged("worker_ended")[-1]["how"] == "was ended by SIGKILL"
    until(lambda: json.loads(crew.get("/readyz")) == {"ready": True, "problems": []})  # whoever answers
    for _ in range(4):  # whoever is told
        assert post(crew, "/v1/complete", {"decision_id": open_there, "rows": 1})[0] == 404
    again = crew.session(2, kept)
    assert len(again.execute(PHONES).fetchall()) == 7
    assert other.execute("COMMIT").statusmessage == "COMMIT"
    starts = [entry["detail"] for entry in crew.house.entries("event") if entry["event"] == "gateway_start"]
    assert starts[-1].endswith("worker 2 of 2, started again after the one before was ended by SIGKILL")
    report = verify(crew.house.layout.record)
    assert report.ok, report.bad
    assert [(torn.segment, torn.marked) for torn in report.torn_tails] == [(segment.name, True)]


def test_a_worker_that_is_told_to_end_drains_and_is_followed_by_another(crew: Crew, kept: list[Session]) -> None:
    session = crew.session(1, kept)
    session.execute("BEGIN")
    before, first = crew.everything(), crew.pid(1)
    os.kill(first, signal.SIGTERM)
    assert session.execute("COMMIT").statusmessage == "COMMIT"
    until(lambda: crew.pid(1) != first and crew.metric("workers") == WORKERS, seconds=30)
    after = crew.everything()
    completed = "sekisho_completions_total", (("door", "postgres"), ("result", "ok"))
    assert after[completed] == before[completed] + 1, "its last counts, too"


def test_a_second_gateway_is_refused(crew: Crew, messenger: Database, tmp_path: Path) -> None:
    """In the same folder, and at the same addresses: the workers of one share them with nobody else."""
    second = Crew(tmp_path, messenger)
    own, theirs = second.house.layout.config, crew.house.layout.config
    text = own.read_text()
    own.write_text(theirs.read_text())
    record = crew.house.layout.record
    why = f"record.directory: {record} is in use by another gateway; each one needs a folder of its own"
    assert second.refused() == [why]
    own.write_text(text.replace(str(second.house.ports.http), str(crew.house.ports.http)))
    assert second.refused() == [f"listeners.http 127.0.0.1:{crew.house.ports.http}: Address already in use"]


def test_where_one_worker_cannot_start_none_does(messenger: Database, tmp_path: Path) -> None:
    crew = Crew(tmp_path, messenger)
    record = crew.house.layout.record
    (record / "gateway-2.head.json").write_text("nothing that can be believed")
    (problem,) = crew.refused()
    assert problem.startswith(f"record: the record in {record} is damaged and is not continued")
    assert not crew.logged("listening"), "no door was opened"


def test_sigterm_drains_all(crew: Crew, kept: list[Session]) -> None:
    """What is idle ends at once, what is in a transaction when that is over, and then everything."""
    busy = [crew.session(1, kept), crew.session(2, kept)]
    for session in busy:
        session.execute("BEGIN")
    with Wire(crew.house.ports.sites["tokyo-hq"]).login(crew.house, LI) as idle:
        assert crew.process is not None
        crew.process.terminate()
        assert idle.fatal()["C"] == "57P01"
    for session in busy:
        assert len(session.execute(PHONES).fetchall()) == 7
        assert session.execute("COMMIT").statusmessage == "COMMIT"
    assert crew.process.wait(30) == 0
    report = verify(crew.house.layout.record)
    assert report.ok, report.bad
    chains = list_segments(crew.house.layout.record).keys() - {"operator"}  # who has blocked somebody has one, too
    assert chains == {f"gateway-{number}" for number in range(1, WORKERS + 1)}
    with pytest.raises(psycopg.OperationalError):
        crew.house.connect(LI)
