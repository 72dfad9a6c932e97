"""A step is played through a relay by the real driver, on a real server; what a person would see is what is told.

In place of the gateway stands an edge that takes the PROXY header, notes an answer in a record and passes the bytes to
PostgreSQL: what is tested here is the player. The gateway itself plays in tests/integration/test_demo.py.
"""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from gateway.demo.characters import LI, SATO
from gateway.demo.database import PORT, Database
from gateway.demo.play import Complaint, Played, Stage, Table, names_id, tell
from gateway.demo.relay import LOOPBACK, proxy_header
from gateway.demo.show import Screen, Style
from gateway.demo.story import Denied, Query, Rows, Step
from gateway.demo.trail import Decided, Hop, Trail

HEADER = len(proxy_header("192.0.2.10", 1, LOOPBACK, 2))
ADDRESSES = {"tokyo-hq": "192.0.2.10", "shanghai-office": "198.51.100.10"}


@dataclass
class Edge:
    """Strips the header, notes an answer, pipes to PostgreSQL."""

    database: Database
    record: Path
    effect: str = "allow"
    sources: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.listener = socket.create_server((LOOPBACK, 0))
        self.port = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                person, _ = self.listener.accept()
            except OSError:
                return
            header = person.recv(HEADER, socket.MSG_WAITALL)
            self.sources.append(socket.inet_ntoa(header[16:20]))
            entry = {"kind": "decision", "principal": {"subject": "sato"}, "decision_id": "d-1", "effect": self.effect}
            with (self.record / "w.00000001.jsonl").open("a") as file:
                file.write(json.dumps({**entry, "reason": "allowed", "cross_border": False}) + "\n")
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self.database.socket_directory / f".s.PGSQL.{PORT}"))
            pipes = [threading.Thread(target=_pipe, args=ends) for ends in ((person, server), (server, person))]
            self.threads += [*pipes, threading.Thread(target=_close, args=(pipes, person, server))]
            for thread in self.threads[-3:]:
                thread.start()


def _pipe(reader: socket.socket, writer: socket.socket) -> None:
    while chunk := reader.recv(65536):
        writer.sendall(chunk)
    writer.shutdown(socket.SHUT_WR)


def _close(pipes: list[threading.Thread], *ends: socket.socket) -> None:
    for pipe in pipes:
        pipe.join()
    for end in ends:
        end.close()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database(tmp_path_factory.mktemp("play-database"))
    database.start()
    with database.connect() as connection:
        connection.execute("CREATE ROLE sato LOGIN IN ROLE sekisho_engineer")
    yield database
    database.stop()


@pytest.fixture
def edge(database: Database, tmp_path: Path) -> Iterator[Edge]:
    edge = Edge(database, tmp_path)
    yield edge
    edge.close()


@pytest.fixture
def stage(edge: Edge) -> Stage:
    return Stage(edge=edge.port, addresses=ADDRESSES, tokens={"sato": "t", "li": "t"}, trail=Trail(edge.record))


def step(*queries: Query, who=SATO) -> Step:
    return Step(title="A step", who=who, site="tokyo-hq", queries=queries)


ONE_USER = Query(sql="SELECT name, country FROM users WHERE id = %s", parameters=(7,), expect=Rows(count=1))
A_TYPO = Query(sql="SELECT nam FROM users", expect=Denied(says=("China",), because="and so on"))
NOT_HERS = Query(sql="SELECT caption FROM timeline_images", expect=Denied(says=(), because="by the server"))


def test_rows_come_with_their_names_and_the_records_answer(stage: Stage, edge: Edge):
    (played,) = stage.play(step(ONE_USER))
    assert isinstance(played.answer, Table)
    assert played.answer.names == ("name", "country")
    assert played.answer.rows[0][1] == "JP"
    assert edge.sources == ["192.0.2.10"]
    assert played.decided is not None
    assert played.decided.id == "d-1"
    assert ONE_USER.expect.complaint(played.outcome) == ""


def test_whoever_knocks_asks_nothing(stage: Stage, edge: Edge):
    assert stage.knock(SATO, "tokyo-hq") is None
    assert edge.sources == ["192.0.2.10"]
    said = stage.knock(LI, "shanghai-office")  # whom this server does not know
    assert said is not None
    assert "li" in said.text


def test_one_step_is_one_connection_that_goes_on_after_an_error(stage: Stage, edge: Edge):
    first, second = stage.play(step(A_TYPO, replace(ONE_USER, parameters=(8,))))
    assert isinstance(first.answer, Complaint)
    assert first.answer.sqlstate == "42703"
    assert first.answer.message == 'column "nam" does not exist'
    assert "name" in first.answer.hint
    assert isinstance(second.answer, Table)
    assert len(edge.sources) == 1


def test_a_privilege_error_is_a_complaint_too_and_not_the_denial_of_the_record(stage: Stage):
    (played,) = stage.play(step(NOT_HERS))
    assert isinstance(played.answer, Complaint)
    assert (played.answer.severity, played.answer.sqlstate) == ("ERROR", "42501")
    assert "allow" in NOT_HERS.expect.complaint(played.outcome)


def test_a_login_that_is_refused_fails_the_step(stage: Stage):
    told = step(ONE_USER, A_TYPO, who=LI)  # the server has no such role
    played = stage.play(told)
    assert len(played) == 1
    assert isinstance(played[0].answer, Complaint)
    assert "li" in played[0].answer.text
    screen, out = paper()
    assert not tell(screen, 1, told, "192.0.2.10", played)
    assert "not as expected" in out.getvalue()


def test_nobody_listening_is_a_complaint(tmp_path: Path):
    with socket.create_server((LOOPBACK, 0)) as unused:
        port = unused.getsockname()[1]
    stage = Stage(edge=port, addresses=ADDRESSES, tokens={"sato": "t"}, trail=Trail(tmp_path))
    (played,) = stage.play(step(ONE_USER))
    assert isinstance(played.answer, Complaint)
    assert ONE_USER.expect.complaint(played.outcome) != ""


def paper() -> tuple[Screen, io.StringIO]:
    out = io.StringIO()
    return Screen(out, Style(colour=False, width=80)), out


DECIDED = Decided(
    id="d-9",
    ids=frozenset({"d-9"}),
    effect="deny",
    reason="policy_denied",
    cross_border=True,
    person="Wang Meilin",
    countries=("CN",),
    location_source="site_network",
    location_note="",
    chain=(
        Hop(hop=0, name="LINE Corporation", country="JP", relation="controller"),
        Hop(hop=1, name="Kyushu Monitoring", country="JP", relation="contractor"),
        Hop(hop=2, name="Dalian Monitoring Service", country="CN", relation="subcontractor"),
    ),
)
DENIAL = Complaint(
    sqlstate="42501", severity="ERROR", message="access denied: in China", detail="Decision: d-9", hint="Ask."
)
DENIED = Played(
    query=Query(sql="SELECT 1", expect=Denied(says=("China",), because="by name"), remark="and goes on"),
    answer=DENIAL,
    decided=DECIDED,
)


def test_a_denial_is_told_as_psql_would_with_who_where_and_for_whom():
    screen, out = paper()
    assert tell(screen, 4, step(DENIED.query), "198.51.100.138", (DENIED,))
    said = " ".join(out.getvalue().split())
    for part in (
        "4. A step",
        "who Wang Meilin (sato, engineer)",
        "from tokyo-hq, 198.51.100.138, seen as CN",
        "employer Dalian Monitoring Service (CN; hop 2, subcontractor) ← Kyushu Monitoring (JP; hop 1, contractor) ← "
        "LINE Corporation (JP; hop 0, controller)",
        "SQL SELECT 1",
        "ERROR: access denied: in China",
        "DETAIL: Decision: d-9",
        "HINT: Ask.",
        "decision d-9 deny, policy_denied",
        "✔ denied by name, recorded; and goes on",
    ):
        assert part in said


def test_an_unknown_place_says_why():
    screen, out = paper()
    unknown = replace(DENIED, decided=replace(DECIDED, countries=(), location_note="a VPN exit"))
    assert tell(screen, 3, step(DENIED.query), "192.0.2.202", (unknown,))
    assert "seen as unknown (a VPN exit)" in " ".join(out.getvalue().split())


def test_parameters_are_told_and_many_rows_are_cut():
    screen, out = paper()
    table = Table(names=("id",), rows=tuple((number,) for number in range(9)))
    allowed = replace(DECIDED, effect="allow", reason="allowed")
    played = Played(query=replace(ONE_USER, expect=Rows(count=9)), answer=table, decided=allowed)
    assert tell(screen, 1, step(played.query), "192.0.2.10", (played,))
    assert "WHERE id = $1" in out.getvalue()
    assert "$1 = 7" in out.getvalue()
    assert "… 4 more" in out.getvalue()


def test_a_denial_without_a_record_is_not_as_expected():
    screen, out = paper()
    assert not tell(screen, 1, step(DENIED.query), "192.0.2.10", (replace(DENIED, decided=None),))
    assert "✘ not as expected" in out.getvalue()
    assert "none in the record" in out.getvalue()


def test_a_step_that_stopped_halfway_is_not_as_expected():
    screen, _ = paper()
    assert not tell(screen, 1, step(DENIED.query, DENIED.query), "192.0.2.10", (DENIED,))


@pytest.mark.parametrize(
    ("text", "named"),
    [("Decision: d-9", True), ("quote d-9.", True), ("d-99", False), ("ad-9", False), ("d-9-1", False), ("", False)],
)
def test_an_id_is_a_whole_word(text: str, named: bool):
    assert names_id(text, frozenset({"d-9"})) is named
