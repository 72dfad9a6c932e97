"""`gateway.pgwire` before a real PostgreSQL: what a client sees through a session is what it sees without one.

A small synchronous loop drives the session; texts with ``denied`` in them are denied, everything else goes on.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator

import pytest

from gateway.errors import UpstreamError
from gateway.pgwire.actions import Close, Completed, Judge, Judgement, ToClient, ToServer
from gateway.pgwire.login import LoginRefused, ServerLogin
from gateway.pgwire.messages import TERMINATE, decode_fields
from gateway.pgwire.session import Session
from tests.unit.pgwire.playbook import FLUSH, SYNC, bind, close, describe, execute, parse, query
from tests.wire_frames import iter_server_frames

pytestmark = pytest.mark.integration

DENIED = {"S": "ERROR", "V": "ERROR", "C": "42501", "M": "not for you", "D": "rule r1", "H": "decision d-1"}
PINNED = {"client_encoding": "UTF8", "standard_conforming_strings": "on"}


class Direct:
    """A plain connection."""

    def __init__(self, server, database: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(f"{server.scratch}/.s.PGSQL.{server.port}")
        login = ServerLogin({"user": server.superuser, "database": database, **PINNED}, password=None, nonce="unused")
        log_in(self.socket, login)

    def send(self, data: bytes) -> bytes:
        """Send, and return what comes until as many ReadyForQuery as Syncs and Queries were sent."""
        self.socket.sendall(data)
        return self._until(lambda received: received.count("Z") >= _awaited(data))

    def send_and_see(self, data: bytes, last: str) -> bytes:
        """Send, and return what comes up to a message of kind ``last``."""
        self.socket.sendall(data)
        return self._until(lambda received: last in received)

    def _until(self, enough) -> bytes:
        received = b""
        while not enough("".join(kinds(received))):
            received += self.socket.recv(65_536)
        return received

    def close(self) -> None:
        self.socket.sendall(TERMINATE)
        self.socket.close()


class Through(Direct):
    """The same, through a session."""

    def __init__(self, server, database: str) -> None:
        super().__init__(server, database)
        self.session = Session(bulk_limit=1_000_000, names_limit=100, nonce=lambda: "sekisho_" + secrets.token_hex(8))
        self.judged: list[str] = []
        self.completed: list[tuple[object, int, str]] = []
        self.received = b""

    def send(self, data: bytes) -> bytes:
        self._act(self.session.client_data(data))
        return self._until(lambda received: received.count("Z") >= _awaited(data))

    def send_and_see(self, data: bytes, last: str) -> bytes:
        self._act(self.session.client_data(data))
        return self._until(lambda received: last in received)

    def judgement(self, text: str) -> Judgement:
        return Judgement(text, DENIED if "denied" in text else None)

    def _until(self, enough) -> bytes:
        while not enough("".join(kinds(self.received))):
            self._act(self.session.server_data(self.socket.recv(65_536)))
        received, self.received = self.received, b""
        return received

    def _act(self, actions) -> None:
        for action in actions:
            match action:
                case ToServer():
                    self.socket.sendall(action.data)
                case ToClient():
                    self.received += action.data
                case Judge():
                    self.judged.append(action.text)
                    self._act(self.session.judged(self.judgement(action.text)))
                case Completed():
                    self.completed.append((action.ticket, action.rows, action.sqlstate))
                case Close():
                    raise AssertionError(action)


def log_in(connection: socket.socket, login: ServerLogin) -> None:
    connection.sendall(login.start())
    while not login.ready:
        connection.sendall(login.receive(connection.recv(65_536)))


def kinds(data: bytes) -> list[str]:
    return [chr(kind) for kind, _, _ in iter_server_frames(data)]


def _awaited(data: bytes) -> int:
    return sum(1 for kind in kinds(data) if kind in "SQ")


def seen(data: bytes) -> list[object]:
    """What a client sees, without what names a place in the server's source or in the text."""
    found: list[object] = []
    for kind, start, end in iter_server_frames(data):
        body: object = data[start:end]
        if kind in b"EN":
            body = {code: text for code, text in decode_fields(data[start:end]).items() if code not in "FLRPW"}
        found.append((chr(kind), body))
    return found


def states(data: bytes) -> list[str]:
    """SQLSTATEs and transaction statuses, in their order."""
    found = []
    for kind, start, end in iter_server_frames(data):
        if kind == ord("E"):
            found.append(decode_fields(data[start:end])["C"])
        elif kind == ord("Z"):
            found.append(data[start:end].decode())
    return found


@pytest.fixture(scope="module")
def made(postgres) -> Iterator[str]:
    """One database for all tests here: each starts with empty tables."""
    name = "pgwire_real"
    with postgres.admin() as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    postgres.load("CREATE TABLE t (n int); CREATE TABLE secret (phone text);", name)
    yield name
    with postgres.admin() as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def name(postgres, made) -> str:
    with postgres.admin(made) as connection:
        connection.execute("TRUNCATE t")
    return str(made)


@pytest.fixture
def pair(postgres, name) -> Iterator[tuple[Direct, Through]]:
    direct, through = Direct(postgres, name), Through(postgres, name)
    yield direct, through
    direct.close()
    through.close()


def rows(postgres, name: str) -> int:
    with postgres.admin(name) as connection:
        found = connection.execute("SELECT count(*) FROM t").fetchone()
        assert found is not None
        return int(found[0])


DIALOGUES = {
    "simple": [query("SELECT 1"), query("SELECT 1; SELECT 'a', NULL"), query(""), query("SELECT * FROM nowhere")],
    "extended": [
        parse("", "SELECT $1::int + 1", 23) + bind("", "", b"41") + describe("P", "") + execute() + SYNC,
        parse("", "") + bind("", "") + describe("P", "") + execute() + SYNC,
        parse("", "INSERT INTO t VALUES (1)") + bind("", "") + describe("P", "") + execute() + SYNC,
    ],
    "named": [
        parse("s", "SELECT generate_series(1, 5)") + describe("S", "s") + SYNC,
        bind("p", "s") + execute("p", 2) + execute("p", 2) + execute("p", 2) + close("P", "p") + SYNC,
        bind("", "s") + execute() + close("S", "s") + SYNC,
        bind("", "s") + SYNC,
        describe("S", "gone") + SYNC + describe("P", "gone") + SYNC + execute("gone") + SYNC,
        close("S", "gone") + SYNC,
    ],
    "taken": [
        parse("s", "SELECT 1") + parse("s", "SELECT 2") + bind("", "s") + execute() + SYNC,
        parse("s", "SELECT 3") + SYNC + bind("", "s") + execute() + SYNC,
        parse("s", "SELECT 4") + SYNC,
    ],
    "portals": [
        parse("s", "SELECT 1") + bind("p", "s") + SYNC + execute("p") + SYNC,
        query("BEGIN"),
        bind("p", "s") + SYNC,
        execute("p") + SYNC,
        bind("p", "s") + SYNC,
        query("ROLLBACK"),
        bind("p", "s") + execute("p") + SYNC,
    ],
    "unnamed dies": [
        parse("", "SELECT 1") + SYNC,
        bind("", "") + execute() + SYNC,
        query("SELECT 2") + describe("P", "") + SYNC,
        parse("", "SELECT 1") + SYNC,
        parse("", "SELECT FROM nowhere") + SYNC,
        describe("P", "") + SYNC,
    ],
    "skipping": [
        parse("a", "SELECT nothing") + parse("b", "SELECT 1") + query("INSERT INTO t VALUES (2)")[:0] + SYNC,
        bind("", "b") + SYNC,
        parse("b", "SELECT 2") + bind("", "b") + execute() + SYNC,
    ],
    "deallocate": [
        parse("a", "SELECT 1") + SYNC,
        parse("", "DEALLOCATE ALL") + bind("", "") + execute() + parse("b", "SELECT 2") + SYNC,
        bind("", "a") + SYNC,
        bind("", "b") + execute() + SYNC,
        query("DEALLOCATE ALL") + parse("b", "SELECT 3") + bind("", "b") + execute() + SYNC,
    ],
    "undone across batches": [
        parse("", "SELECT 'A'") + SYNC,
        bind("", "gone") + parse("", "SELECT 'B'") + SYNC + bind("", "") + execute() + SYNC,
        bind("", "gone") + parse("", "SELECT 'B'") + SYNC + parse("", "SELECT 'C'") + SYNC,
        bind("", "") + execute() + SYNC,
    ],
    "transactions": [
        query("BEGIN"),
        query("INSERT INTO t VALUES (3)"),
        query("SELECT 1/0"),
        query("SELECT 1"),
        parse("x", "SELECT 1") + SYNC,
        query("COMMIT"),
        query("SELECT count(*) FROM t"),
    ],
}


@pytest.mark.parametrize("dialogue", DIALOGUES)
def test_what_is_allowed_looks_as_it_looks_directly(pair, dialogue):
    direct, through = pair
    for message in DIALOGUES[dialogue]:
        # Text of an unnamed statement that is missing is PostgreSQL's own special case; its code is the same.
        plain, passed = seen(direct.send(message)), seen(through.send(message))
        for one in (*plain, *passed):
            if isinstance(one[1], dict) and one[1]["C"] == "26000":
                one[1]["M"] = one[1]["M"].replace("unnamed prepared statement", 'prepared statement ""')
        assert passed == plain
    assert through.session.idle


def test_a_denied_middle_of_a_pipeline_leaves_nothing(postgres, name, pair):
    _, through = pair
    insert = parse("", "INSERT INTO t VALUES (1)") + bind("", "") + execute()
    answer = through.send(
        insert + parse("", "SELECT phone /* denied */ FROM secret") + bind("", "") + execute() + insert + SYNC
    )
    assert states(answer) == ["42501", "I"]
    assert seen(answer)[-2] == ("E", DENIED)
    assert rows(postgres, name) == 0
    assert states(through.send(insert + SYNC)) == ["I"]
    assert rows(postgres, name) == 1


def test_a_denied_statement_aborts_its_transaction(postgres, name, pair):
    _, through = pair
    told = [states(through.send(query(text))) for text in ("BEGIN", "INSERT INTO t VALUES (1)", "SELECT denied")]
    assert told == [["T"], ["T"], ["42501", "E"]]
    assert states(through.send(query("INSERT INTO t VALUES (2)"))) == ["25P02", "E"]
    answer = through.send(query("COMMIT"))
    assert states(answer) == ["I"]
    assert seen(answer)[0] == ("C", b"ROLLBACK\0")
    assert rows(postgres, name) == 0
    assert through.completed[-2:] == [("INSERT INTO t VALUES (2)", 0, "25P02"), ("COMMIT", 0, "00000")]


def test_a_denied_savepoint_is_rolled_back_to(pair):
    _, through = pair
    for text in ("BEGIN", "SAVEPOINT s", "INSERT INTO t VALUES (1)"):
        through.send(query(text))
    assert states(through.send(query("SELECT denied"))) == ["42501", "E"]
    assert states(through.send(query("ROLLBACK TO s"))) == ["T"]
    assert states(through.send(query("COMMIT"))) == ["I"]


@pytest.mark.parametrize("named", ["", "s"])
def test_each_way_to_deny_is_reworded_and_nothing_of_ours_is_seen(pair, named):
    direct, through = pair
    answers = through.send(parse(named, "SELECT denied") + bind("", named) + execute() + SYNC)
    answers += through.send(query("SELECT denied"))
    answers += through.send(bind("", named) + SYNC)
    assert states(answers) == ["42501", "I", "42501", "I", "26000", "I"]
    assert b"sekisho_" not in answers
    assert states(direct.send(bind("", named) + SYNC)) == ["26000", "I"]


def test_an_execute_can_be_denied_after_its_parse_was_allowed(postgres, name, pair):
    _, through = pair
    through.send(parse("s", "INSERT INTO t VALUES (1)") + SYNC)
    prepared = through.session._shared.statements.get(b"s")
    assert prepared is not None
    prepared.text = "denied"  # what the loop above judges by: revoked since
    answer = through.send(bind("", "s") + execute() + bind("", "s") + execute() + SYNC)
    assert states(answer) == ["42501", "I"]
    assert seen(answer)[1] == ("E", DENIED)
    assert rows(postgres, name) == 0


def test_an_error_is_sent_at_once_and_everything_to_sync_is_ignored(postgres, name, pair):
    direct, through = pair
    for one in (direct, through):
        assert states(one.send_and_see(bind("", "gone") + FLUSH, "E")) == ["26000"]
        gap = (
            query("INSERT INTO t VALUES (9)") + FLUSH + parse("", "INSERT INTO t VALUES (9)") + bind("", "") + execute()
        )
        assert states(one.send_and_see(gap + SYNC, "Z")) == ["I"]
    assert through.judged == []
    assert rows(postgres, name) == 0


def test_a_denial_is_sent_without_sync_or_flush(pair):
    _, through = pair
    assert states(through.send_and_see(parse("", "SELECT denied"), "E")) == ["42501"]
    assert states(through.send(SYNC)) == ["I"]


def test_rows_are_counted_as_the_server_sends_them(pair):
    _, through = pair
    through.send(query("SELECT generate_series(1, 10000); INSERT INTO t SELECT generate_series(1, 7); SELECT 1"))
    assert through.completed[-1][1:] == (10_008, "00000")


def test_a_change_of_a_pinned_setting_ends_the_session(pair):
    _, through = pair
    with pytest.raises(AssertionError, match="PINNED_SETTING_CHANGED"):
        through.send(query("SET search_path = pg_catalog"))


def test_long_names_and_awkward_ones_do_not_reach_the_server(postgres, name, pair):
    _, through = pair
    for awkward in ("n" * 200, "関所", 'a"b', "a b"):
        assert states(through.send(parse(awkward, "SELECT 1") + bind("", awkward) + execute() + SYNC)) == ["I"]
    listed = through.send(query("SELECT name FROM pg_prepared_statements"))
    assert kinds(listed).count("D") == 4
    assert all(word not in listed for word in (b"nnn", "関所".encode(), b'a"b', b"a b"))


@pytest.mark.parametrize("password", ["secret", "ｐａｓｓ\u00a0word\u00ad", "\u0007bell"])
def test_our_login_with_scram(postgres, password):
    role = postgres.role("pgwire_scram", password=password)

    def attempt(word: str | None) -> ServerLogin:
        with socket.create_connection((postgres.host, postgres.port), timeout=10) as connection:
            parameters = {"user": role, "database": "postgres", **PINNED}
            login = ServerLogin(parameters, password=word, nonce="sekisho_" + secrets.token_hex(8))
            log_in(connection, login)
            connection.sendall(TERMINATE)
            return login

    login = attempt(password)
    assert login.ready
    assert login.process_id
    assert login.settings["client_encoding"] == "UTF8"
    with pytest.raises(LoginRefused) as caught:
        attempt("wrong")
    assert caught.value.sqlstate == "28P01"
    with pytest.raises(UpstreamError, match="none is configured"):
        attempt(None)


def test_trust_is_refused_when_a_password_is_set(postgres):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(f"{postgres.scratch}/.s.PGSQL.{postgres.port}")
        login = ServerLogin({"user": postgres.superuser, "database": "postgres"}, password="x", nonce="abc")
        with pytest.raises(UpstreamError, match="SCRAM expected"):
            log_in(connection, login)
