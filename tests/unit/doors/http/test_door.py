"""The http door: a real server and real sockets over loopback, and any document at all through the WSGI client."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import HttpListener
from gateway.doors.documents import MAX_BODY
from gateway.doors.http.app import create_app
from gateway.doors.http.door import HttpDoor, http_door
from gateway.errors import ANSWERS, Reason
from gateway.model import Door, Peer
from gateway.needs import Ask, Outcome
from tests.unit.doors.test_requests import ScriptedDesk, body, json_values

JSON = {"Content-Type": "application/json"}
LOOPBACK = "127.0.0.1"


@dataclass
class Reply:
    status: int
    headers: http.client.HTTPMessage
    raw: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.raw)


@dataclass
class Running:
    """A served desk and how to talk to it."""

    desk: ScriptedDesk
    door: HttpDoor
    loop: asyncio.AbstractEventLoop

    @property
    def place(self) -> tuple[str, int]:
        host, _, port = self.door.address.rpartition(":")
        return host.strip("[]"), int(port)

    def request(self, method: str, path: str, content: Any = None, **headers: str) -> Reply:
        """One request on a connection of its own. ``headers``: with _ for -."""
        connection = http.client.HTTPConnection(*self.place, timeout=10)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, content, {**(JSON if content is not None else {}), **sent})
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            connection.close()

    def authorize(self, document: Any, **headers: str) -> Reply:
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.request("POST", "/v1/authorize", content, **headers)

    def raw(self, data: bytes) -> bytes:
        """Bytes as they are, and all that comes back until the server closes."""
        with socket.create_connection(self.place, timeout=10) as connection:
            connection.sendall(data)
            return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    received = b""
    while chunk := connection.recv(65_536):
        received += chunk
    return received


Start = Callable[..., Running]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts doors and stops them when the test ends."""
    with asyncio.Runner() as runner:  # closes its loop after whatever goes wrong
        started: list[HttpDoor] = []

        def make(
            address: str = f"{LOOPBACK}:0", edges: tuple[str, ...] = (), desk: ScriptedDesk | None = None
        ) -> Running:
            desk = desk or ScriptedDesk()
            door = http_door(desk, HttpListener(address=address, edges=edges, threads=2))
            runner.run(door.start())
            started.append(door)
            return Running(desk, door, runner.get_loop())

        yield make
        for door in started:
            runner.run(door.stop())


@pytest.fixture
def served(start: Start) -> Running:
    return start()


def assert_problem(reply: Reply, reason: Reason, status: int | None = None) -> None:
    """A problem document with the status of its reason, and the words of that reason only."""
    assert reply.headers["Content-Type"] == "application/problem+json"
    document = reply.document
    assert set(document) == {"type", "title", "status", "detail", "reason"}
    assert document["reason"] == reason
    assert document["status"] == reply.status == (status or ANSWERS[reason].http)
    if status is None:
        assert (document["type"], document["title"]) == (f"urn:sekisho:reason:{reason}", ANSWERS[reason].summary)
    assert b"Traceback" not in reply.raw
    assert b"SECRET" not in reply.raw


# --- decisions -------------------------------------------------------------------------------------------------------


def test_an_allowance_is_200(served: Running) -> None:
    reply = served.authorize(body())
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert (reply.document["effect"], reply.document["decision_id"]) == ("allow", "d-1")
    asked = served.desk.asked[0]
    assert (asked.door, asked.profile, asked.sql, asked.peer) == (
        Door.HTTP,
        "reader",
        "select 1",
        Peer(address=LOOPBACK),
    )
    assert served.desk.refusals == []


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("select phone", Reason.POLICY_DENIED),
        ("select masked", Reason.OBLIGATION_UNSUPPORTED),
        ("whatever", Reason.STATEMENT_INCOMPLETE),
        ("twin down", Reason.TWIN_UNAVAILABLE),
        ("selec 1", Reason.SERVER_COMPLAINT),
    ],
)
def test_a_denial_is_the_same_document_with_the_status_of_its_reason(served: Running, sql: str, reason: Reason) -> None:
    reply = served.authorize(body(statement={"sql": sql}))
    assert (reply.status, reply.headers["Content-Type"]) == (ANSWERS[reason].http, "application/json")
    assert (reply.document["effect"], reply.document["reason"]) == ("deny", reason)
    assert served.desk.refusals == []  # it was decided, so the desk has recorded it itself


def test_findings_and_obligations_arrive(served: Running) -> None:
    denied = served.authorize(body(statement={"sql": "select phone"})).document
    assert [finding["rule"] for finding in denied["findings"]] == ["jp-appi-28", "house-night"]
    masked = served.authorize(body(statement={"sql": "select masked"}, supported_obligations=["mask"])).document
    assert [duty["kind"] for duty in masked["obligations"]] == ["mask"]


def test_a_token_may_come_as_authorization(served: Running) -> None:
    assert served.authorize(body(token=...), Authorization="Bearer good").status == 200


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.REQUEST_INVALID),
        (b"{", Reason.REQUEST_INVALID),
        (b"[" * 50_000, Reason.REQUEST_INVALID),
        (b'{"token": "\xff\xfe"}', Reason.REQUEST_INVALID),
        (b"null", Reason.REQUEST_INVALID),
        (body(colour="red"), Reason.REQUEST_INVALID),
        (body(statement={"sql": ""}), Reason.REQUEST_INVALID),
        (body(statement={"sql": ["select 1"]}), Reason.REQUEST_INVALID),
        (body(datasource="d" * 100_000), Reason.REQUEST_INVALID),
        (body(token=...), Reason.TOKEN_MISSING),
        (body(token="x" * 20_000), Reason.TOKEN_MALFORMED),
        (body(token="bad"), Reason.TOKEN_EXPIRED),
        (body(datasource="nowhere"), Reason.DATASOURCE_UNKNOWN),
        (body(datasource="private"), Reason.PROFILE_NONE),
        (body(address="192.0.2.7"), Reason.EDGE_UNTRUSTED),
    ],
)
def test_what_never_became_a_question_is_a_problem_recorded_once(served: Running, content: Any, reason: Reason) -> None:
    reply = served.authorize(content)
    assert_problem(reply, reason)
    assert served.desk.refusals == [(Door.HTTP, reason, LOOPBACK, reply.document["detail"])]
    assert served.desk.asked == []


def test_an_unknown_key_is_named(served: Running) -> None:
    assert '"colour"' in served.authorize(body(colour="red")).document["detail"]


@pytest.mark.parametrize(
    ("authorization", "challenge"),
    [(None, 'Bearer realm="sekisho"'), ("Bearer bad", 'Bearer realm="sekisho", error="invalid_token"')],
)
def test_401_says_what_is_wanted(served: Running, authorization: str | None, challenge: str) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    reply = served.authorize(body(token=...), **headers)
    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, challenge)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])
def test_only_json_is_read(served: Running, kind: str) -> None:
    assert_problem(served.authorize(body(), Content_Type=kind), Reason.REQUEST_INVALID)


def test_a_refusal_that_cannot_be_recorded_is_still_a_refusal(served: Running) -> None:
    served.desk.record_broken = True
    assert_problem(served.authorize(body(token="bad")), Reason.RECORD_UNAVAILABLE)


def test_an_error_of_our_own_shows_nothing_of_the_inside(served: Running, caplog: pytest.LogCaptureFixture) -> None:
    assert_problem(served.authorize(body(statement={"sql": "crash"})), Reason.INTERNAL)
    assert [reason for _, reason, _, _ in served.desk.refusals] == [Reason.INTERNAL]
    assert "ZeroDivisionError" in caplog.text


# --- where the person is ---------------------------------------------------------------------------------------------


def test_an_edge_may_say_where_the_person_is(start: Start) -> None:
    served = start(edges=("127.0.0.0/8",))
    assert served.authorize(body(address="192.0.2.7")).status == 200
    assert served.authorize(body()).status == 200
    assert [asked.peer for asked in served.desk.asked] == [
        Peer(address="192.0.2.7", via_edge=True),
        Peer(address=LOOPBACK),
    ]


def test_forwarding_headers_are_never_believed(start: Start) -> None:
    served = start(edges=("127.0.0.0/8",))
    claims = {"X_Forwarded_For": "192.0.2.7", "Forwarded": "for=192.0.2.7", "X_Real_IP": "192.0.2.7"}
    assert served.authorize(body(), **claims).status == 200
    assert served.desk.asked[0].peer == Peer(address=LOOPBACK)


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_over_ipv6(start: Start) -> None:
    try:
        served = start("[::1]:0", edges=("::1/128",))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    assert served.door.address.startswith("[::1]:")
    assert served.authorize(body()).status == 200
    assert served.desk.asked[0].peer == Peer(address="::1")


# --- what runs beside it ---------------------------------------------------------------------------------------------


def test_health_and_readiness(served: Running) -> None:
    assert served.request("GET", "/healthz").document == {"alive": True}
    assert served.request("GET", "/readyz").document == {"ready": True, "problems": []}
    served.desk.living = False
    served.desk.problems = ["no policy loaded", "draining"]
    assert served.request("GET", "/healthz").status == 503
    reply = served.request("GET", "/readyz")
    assert (reply.status, reply.document["problems"]) == (503, ["no policy loaded", "draining"])


def test_head_has_the_headers_of_get(served: Running) -> None:
    reply = served.request("HEAD", "/healthz")
    assert (reply.status, reply.raw, reply.headers["Content-Length"]) == (200, b"", str(len('{"alive": true}\n')))


@pytest.mark.parametrize(
    ("accept", "kind", "end"),
    [
        ("", "text/plain; version=0.0.4", False),
        ("text/plain;version=x", "text/plain; version=0.0.4", False),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text; version=1.0.0", True),
        ("application/openmetrics-text;version=nonsense;q=0.5,*/*", "application/openmetrics-text; version=1.0", True),
    ],
)
def test_metrics_in_both_formats(served: Running, accept: str, kind: str, end: bool) -> None:
    reply = served.request("GET", "/metrics", Accept=accept)
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith(kind)
    assert b"sekisho_example_total 1.0" in reply.raw
    assert reply.raw.endswith(b"# EOF\n") is end


def test_configuration_is_shown(served: Running) -> None:
    assert served.request("GET", "/v1/config").document == {"log_level": "info"}


@pytest.mark.parametrize("path", ["/", "/v1/authorize/", "/v1//authorize", "/v1/Authorize", "/static/x", "/%00"])
def test_no_such_path(served: Running, path: str) -> None:
    assert_problem(served.request("GET", path), Reason.REQUEST_INVALID, 404)
    assert served.desk.refusals == []


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/authorize", {"POST"}),
        ("OPTIONS", "/v1/authorize", {"POST"}),
        ("POST", "/healthz", {"GET", "HEAD"}),
        ("DELETE", "/v1/config", {"GET", "HEAD"}),
        ("TRACE", "/metrics", {"GET", "HEAD"}),
        ("NONSENSE", "/readyz", {"GET", "HEAD"}),
    ],
)
def test_no_such_method(served: Running, method: str, path: str, allow: set[str]) -> None:
    reply = served.request(method, path)
    assert_problem(reply, Reason.REQUEST_INVALID, 405)
    assert set(reply.headers["Allow"].split(", ")) == allow


@pytest.mark.parametrize("path", ["/v1/authorize", "/healthz", "/metrics", "/nowhere"])
def test_every_answer_has_the_security_headers(served: Running, path: str) -> None:
    headers = served.request("GET", path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers.get_all("Server") == ["sekisho"]


# --- the wire --------------------------------------------------------------------------------------------------------


def parse_raw(data: bytes) -> Reply:
    head, _, content = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = http.client.HTTPMessage()
    for line in lines:
        name, _, value = line.partition(": ")
        headers[name] = value
    return Reply(int(first.split()[1]), headers, content)


START = b"POST /v1/authorize HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (START + b"Content-Length: 4000000\r\n\r\n", Reason.MESSAGE_TOO_LARGE),
        (START + b"Content-Length: " + str(MAX_BODY + 1).encode() + b"\r\n\r\n", Reason.MESSAGE_TOO_LARGE),
        (START + b"X-Big: " + b"x" * 70_000 + b"\r\n\r\n", Reason.MESSAGE_TOO_LARGE),
        (START + b"Content-Length: ten\r\n\r\n", Reason.MESSAGE_MALFORMED),
        (START + b"Content-Length: 1, 2\r\n\r\n", Reason.MESSAGE_MALFORMED),
        (START + b"Transfer-Encoding: gzip\r\n\r\n", Reason.MESSAGE_MALFORMED),
        (START + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", Reason.MESSAGE_MALFORMED),
        (b"no http at all\r\n\r\n", Reason.MESSAGE_MALFORMED),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", Reason.MESSAGE_MALFORMED),
    ],
)
def test_what_is_no_request_is_a_problem_recorded_once(served: Running, data: bytes, reason: Reason) -> None:
    reply = parse_raw(served.raw(data))
    assert_problem(reply, reason)
    assert reply.headers["Connection"] == "close"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert [(door, why, peer) for door, why, peer, _ in served.desk.refusals] == [(Door.HTTP, reason, LOOPBACK)]
    assert served.authorize(body()).status == 200


def test_the_largest_body_is_read_and_one_byte_more_is_not() -> None:
    desk = ScriptedDesk()
    client = create_app(desk).test_client()
    frame = len(json.dumps(body(statement={"sql": ""})))
    for extra, status in ((0, 403), (1, 413)):
        document = json.dumps(body(statement={"sql": "x" * (MAX_BODY - frame + extra)}))
        assert client.post("/v1/authorize", data=document, content_type="application/json").status_code == status
    assert [reason for _, reason, _, _ in desk.refusals] == [Reason.MESSAGE_TOO_LARGE]


def test_a_connection_serves_many_requests(served: Running) -> None:
    connection = http.client.HTTPConnection(*served.place, timeout=10)
    for sql in ("select 1", "select phone", "select 1"):
        connection.request("POST", "/v1/authorize", json.dumps(body(statement={"sql": sql})), JSON)
        response = connection.getresponse()
        assert response.status == (403 if sql == "select phone" else 200)
        response.read()
    connection.close()
    assert len(served.desk.asked) == 3


def test_a_request_that_trickles_is_cut_off(served: Running) -> None:
    server = served.door._server
    assert server is not None
    with socket.create_connection(served.place, timeout=0.05) as slow:
        slow.sendall(START)
        closed = False
        for _ in range(200):
            server.maintenance(time.time() + 21)  # the clock of the door, 21 seconds on
            server.pull_trigger()
            try:
                closed = slow.recv(1) == b""
                break
            except TimeoutError:
                slow.sendall(b"X")  # still sending: not idle, only slow
        assert closed
    assert served.authorize(body()).status == 200


def test_an_answer_reaches_a_client_that_is_still_sending(served: Running) -> None:
    """4 MB against a server that refuses at the header: without a lingering close the client sees a reset."""
    for _ in range(5):
        reply = served.authorize(body(statement={"sql": "x" * 4_000_000}))
        assert_problem(reply, Reason.MESSAGE_TOO_LARGE)


# --- starting and stopping -------------------------------------------------------------------------------------------


class Slow(ScriptedDesk):
    """Answers when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = threading.Event()
        self.answer = threading.Event()

    def ask(self, ask: Ask) -> Outcome:
        self.arrived.set()
        assert self.answer.wait(10)
        return super().ask(ask)


def test_probes_are_answered_while_every_worker_waits(start: Start) -> None:
    desk = Slow()
    served = start(desk=desk)
    asking = [threading.Thread(target=lambda: served.authorize(body())) for _ in range(5)]
    for thread in asking:
        thread.start()
    assert desk.arrived.wait(10)
    for path in ("/healthz", "/readyz", "/metrics", "/v1/config"):
        assert served.request("GET", path).status == 200
    desk.answer.set()
    for thread in asking:
        thread.join(10)
    assert len(desk.asked) == 5


def test_stopping_lets_open_requests_end_and_takes_no_new_ones(start: Start) -> None:
    desk = Slow()
    served = start(desk=desk)
    idle = socket.create_connection(served.place, timeout=10)
    replies: list[Reply] = []
    asking = threading.Thread(target=lambda: replies.append(served.authorize(body())))
    asking.start()
    assert desk.arrived.wait(10)
    place = served.place

    async def stop() -> None:
        stopping = asyncio.gather(served.door.stop(10))
        while True:  # until the listening socket is gone
            try:
                (await asyncio.to_thread(socket.create_connection, place, 1)).close()
            except OSError:
                break
        desk.answer.set()
        await stopping

    served.loop.run_until_complete(stop())
    asking.join(10)
    assert [reply.status for reply in replies] == [200]
    assert idle.recv(1) == b""
    idle.close()


def test_stopping_does_not_wait_for_ever(start: Start) -> None:
    desk = Slow()
    served = start(desk=desk)
    errors: list[Exception] = []

    def ask() -> None:
        try:
            served.authorize(body())
        except (http.client.HTTPException, OSError) as error:
            errors.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert desk.arrived.wait(10)
    served.loop.run_until_complete(served.door.stop(0))
    asking.join(10)
    assert len(errors) == 1
    desk.answer.set()


def test_an_address_in_use_is_said_at_once(served: Running) -> None:
    second = http_door(ScriptedDesk(), HttpListener(address=served.door.address))
    with pytest.raises(OSError, match="in use"):
        served.loop.run_until_complete(second.start())
    served.loop.run_until_complete(second.stop())


# --- any document at all ---------------------------------------------------------------------------------------------


CLIENT = create_app(ScriptedDesk(), edges=("127.0.0.0/8",)).test_client()
keys = st.sampled_from(["token", "datasource", "statement", "address", "supported_obligations", "purpose"])
plausible = st.fixed_dictionaries(
    {"token": st.just("good"), "datasource": st.just("messenger")},
    optional={
        "statement": st.fixed_dictionaries({"sql": st.text()}, optional={"parameter_types": json_values}) | json_values,
        "address": st.ip_addresses().map(str) | json_values,
        "supported_obligations": st.lists(st.sampled_from(["mask", "row_limit", "x"])) | json_values,
    },
)


@given(st.dictionaries(keys, json_values) | plausible | json_values)
def test_any_document_is_answered_below_500(document: Any) -> None:
    reply = CLIENT.post("/v1/authorize", data=json.dumps(document), content_type="application/json")
    assert reply.status_code < 500
    assert json.loads(reply.data)["reason"] in list(Reason)


@given(st.binary(max_size=200), st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0")))
def test_any_bytes_are_answered_below_500(content: bytes, authorization: str) -> None:
    headers = {"Authorization": authorization}
    reply = CLIENT.post("/v1/authorize", data=content, content_type="application/json", headers=headers)
    assert 400 <= reply.status_code < 500
    assert reply.content_type == "application/problem+json"


def test_what_wakes_a_door_that_has_stopped_writes_nowhere(served):
    """Its thread may have closed everything by then; the next to open a file has the descriptor."""
    server = served.door._server
    waker = server.trigger.trigger
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    served.loop.run_until_complete(served.door.stop(0))
    os.dup2(writing, waker)
    try:
        server.pull_trigger()
        with pytest.raises(BlockingIOError):
            os.read(reading, 1)
    finally:
        for descriptor in (reading, writing, waker):
            os.close(descriptor)
