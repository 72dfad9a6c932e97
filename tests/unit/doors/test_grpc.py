"""The grpc door: a real server and real channels over loopback, and any bytes at all."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from gateway.config import Caller, CallerTls, GrpcListener
from gateway.doors._generated.sekisho.v1 import access_pb2 as wire
from gateway.doors._generated.sekisho.v1.access_pb2_grpc import AccessServiceStub
from gateway.doors.access import SERVICE
from gateway.doors.callers import Callers
from gateway.doors.grpc import GrpcDoor
from gateway.errors import ANSWERS, ConfigError, Reason
from gateway.model import Door, Peer
from gateway.needs import Ask, Outcome
from tests.servers import Issued, TestCa
from tests.unit.doors.test_requests import IN_TRACE, TRACEPARENT, ScriptedDesk

LOOPBACK = "127.0.0.1"
Serving = health_pb2.HealthCheckResponse


def reason_in(trailing: Any) -> str:
    """The reason code beside a status."""
    reason: str = dict(trailing)["sekisho-reason"]
    return reason


class Running:
    """A served desk, a channel to it, and what it said last."""

    def __init__(self, desk: ScriptedDesk, door: GrpcDoor, channel: grpc.aio.Channel) -> None:
        self.desk, self.door, self.channel = desk, door, channel

    async def authorize(self, request: wire.AuthorizeRequest, **metadata: str) -> wire.AuthorizeResponse:
        return await AccessServiceStub(self.channel).Authorize(request, metadata=tuple(metadata.items()), timeout=10)

    async def raw(self, data: bytes) -> bytes:
        """Bytes as they are."""
        return await self.channel.unary_unary(f"/{SERVICE}/Authorize", None, None)(data, timeout=10)

    async def refused(self, call: Coroutine[Any, Any, Any], reason: Reason) -> str:
        """The call must end in the status of ``reason``; returns the words."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        error = caught.value
        assert error.code() is grpc.StatusCode[ANSWERS[reason].grpc]
        assert reason_in(error.trailing_metadata()) == reason
        text = error.details() or ""
        assert text.startswith(ANSWERS[reason].summary)
        assert "SECRET" not in text
        return text


@asynccontextmanager
async def served(
    desk: ScriptedDesk | None = None,
    address: str = f"{LOOPBACK}:0",
    edges: tuple[str, ...] = (),
    *,
    reflection: bool = False,
) -> AsyncIterator[Running]:
    desk = desk or ScriptedDesk()
    door = GrpcDoor(desk, GrpcListener(address=address, edges=edges, reflection=reflection))
    await door.start()
    try:
        async with grpc.aio.insecure_channel(door.address) as channel:
            yield Running(desk, door, channel)
    finally:
        await door.stop(0)


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(main())


def ask(
    sql: str = "select 1", token: str = "good", datasource: str = "messenger", **more: Any
) -> wire.AuthorizeRequest:
    return wire.AuthorizeRequest(token=token, datasource=datasource, statement=wire.Statement(sql=sql), **more)


# --- decisions -------------------------------------------------------------------------------------------------------


def test_an_allowance() -> None:
    async def main() -> None:
        async with served() as it:
            response = await it.authorize(ask())
            assert (response.effect, response.reason, response.decision_id) == (wire.EFFECT_ALLOW, "allowed", "d-1")
            assert (response.valid_until, response.revision, response.reused) == (1_700_000_060, "r+p", True)
            assert not response.HasField("complaint")
            asked = it.desk.asked[0]
            assert (asked.door, asked.profile, asked.peer) == (Door.GRPC, "reader", Peer(address=LOOPBACK))
            assert asked.session == "grpc"
            assert it.desk.refusals == []

    run(main)


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
def test_a_denial_is_an_answer_with_status_ok(sql: str, reason: Reason) -> None:
    async def main() -> None:
        async with served() as it:
            call = AccessServiceStub(it.channel).Authorize(ask(sql), timeout=10)
            response = await call
            assert await call.code() is grpc.StatusCode.OK
            assert reason_in(await call.trailing_metadata()) == reason
            assert (response.effect, response.reason) == (wire.EFFECT_DENY, reason)
            assert it.desk.refusals == []  # it was decided, so the desk has recorded it itself

    run(main)


def test_findings_obligations_and_complaints_arrive() -> None:
    async def main() -> None:
        async with served() as it:
            denied = await it.authorize(ask("select phone"))
            first, second = denied.findings
            assert (first.rule, first.layer, first.mode) == ("jp-appi-28", wire.LAYER_LAW, wire.MODE_ENFORCE)
            assert (json.loads(first.value), first.remedy) == (
                {"country": "CN", "hops": [1, 2]},
                "ask the data protection office",
            )
            assert (second.layer, second.mode) == (wire.LAYER_HOUSE, wire.MODE_SHADOW)
            assert (denied.cross_border, denied.message) == (True, "access denied: 中国")

            masked = await it.authorize(ask("select masked", supported_obligations=[wire.OBLIGATION_KIND_MASK]))
            assert masked.effect == wire.EFFECT_ALLOW
            assert masked.obligations[0].WhichOneof("kind") == "mask"
            assert masked.obligations[0].mask.method == "partial"

            complaint = (await it.authorize(ask("selec 1"))).complaint
            assert (complaint.sqlstate, complaint.fields["C"]) == ("42601", "42601")

    run(main)


def test_a_token_may_come_as_metadata() -> None:
    async def main() -> None:
        async with served() as it:
            response = await it.authorize(ask(token=""), authorization="Bearer good")
            assert response.effect == wire.EFFECT_ALLOW

    run(main)


def test_the_trace_of_a_call_is_that_of_all_its_questions() -> None:
    within = (("traceparent", TRACEPARENT), ("tracestate", "congo=1"))

    async def questions() -> AsyncIterator[wire.AuthorizeStreamRequest]:
        for number in (1, 2):
            yield wire.AuthorizeStreamRequest(correlation=number, request=ask())

    async def main() -> None:
        async with served() as it:
            stub = AccessServiceStub(it.channel)
            await it.authorize(ask(), **dict(within))
            await stub.AuthorizeBatch(wire.AuthorizeBatchRequest(requests=[ask(), ask()]), metadata=within, timeout=10)
            await stub.Explain(wire.ExplainRequest(request=ask()), metadata=within, timeout=10)
            assert len([one async for one in stub.AuthorizeStream(questions(), metadata=within, timeout=10)]) == 2
            await it.authorize(ask())
            assert [one.trace for one in it.desk.asked] == [IN_TRACE] * 6 + [None]

    run(main)


# --- refusals --------------------------------------------------------------------------------------------------------


REFUSED: list[tuple[wire.AuthorizeRequest, Reason]] = [
    (wire.AuthorizeRequest(), Reason.REQUEST_INVALID),
    (wire.AuthorizeRequest(token="good", datasource="messenger"), Reason.REQUEST_INVALID),
    (ask(sql=""), Reason.REQUEST_INVALID),
    (ask(datasource=""), Reason.REQUEST_INVALID),
    (ask(datasource="d" * 100_000), Reason.REQUEST_INVALID),
    (ask(supported_obligations=[wire.OBLIGATION_KIND_UNSPECIFIED]), Reason.REQUEST_INVALID),
    (ask(supported_obligations=[99]), Reason.REQUEST_INVALID),
    (ask(address=""), Reason.REQUEST_INVALID),
    (ask(address="nowhere"), Reason.REQUEST_INVALID),
    (ask(token=""), Reason.TOKEN_MISSING),
    (ask(token="x" * 20_000), Reason.TOKEN_MALFORMED),
    (ask(token="bad"), Reason.TOKEN_EXPIRED),
    (ask(datasource="nowhere"), Reason.DATASOURCE_UNKNOWN),
    (ask(datasource="private"), Reason.PROFILE_NONE),
    (ask(address="192.0.2.7"), Reason.EDGE_UNTRUSTED),
    (ask(sql="x" * 2_000_000), Reason.MESSAGE_TOO_LARGE),
]


def test_what_never_became_a_question_is_an_error_recorded_once() -> None:
    async def main() -> None:
        async with served() as it:
            for request, reason in REFUSED:
                it.desk.refusals.clear()
                text = await it.refused(it.authorize(request), reason)
                [(door, recorded, peer, detail)] = it.desk.refusals
                assert (door, recorded, peer) == (Door.GRPC, reason, LOOPBACK)
                assert text.endswith(detail)
            assert it.desk.asked == []

    run(main)


VARINT_FIELD_99 = b"\x98\x06\x01"


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"\xff\xff\xff", "not a sekisho.v1.AuthorizeRequest"),
        (b"\x0a\x05good", "not a sekisho.v1.AuthorizeRequest"),  # cut short
        (b"\x0a\x02\xff\xfe", "not a sekisho.v1.AuthorizeRequest"),  # a string that is not UTF-8
        (ask().SerializeToString() + VARINT_FIELD_99, "unknown field 99 of sekisho.v1.AuthorizeRequest"),
        (
            b"\x1a" + bytes([len(VARINT_FIELD_99)]) + VARINT_FIELD_99,
            "unknown field 99 of sekisho.v1.Statement",
        ),
        (b"\x10\x01", "unknown field 2 of sekisho.v1.AuthorizeRequest"),  # the datasource as a number
    ],
)
def test_bytes_that_are_no_request_are_invalid_not_internal(data: bytes, named: str) -> None:
    async def main() -> None:
        async with served() as it:
            assert named in await it.refused(it.raw(data), Reason.REQUEST_INVALID)
            assert [reason for _, reason, _, _ in it.desk.refusals] == [Reason.REQUEST_INVALID]

    run(main)


def test_above_the_hard_limit_the_library_hangs_up() -> None:
    async def main() -> None:
        async with served() as it:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await it.raw(b"\0" * 5_000_000)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert (await it.authorize(ask())).effect == wire.EFFECT_ALLOW

    run(main)


def test_two_tokens_are_a_callers_and_a_persons() -> None:
    async def main() -> None:
        async with served() as it:
            both = it.authorize(ask(), authorization="Bearer good")
            await it.refused(both, Reason.CALLER_UNKNOWN)
            twice = (("authorization", "Bearer good"), ("authorization", "Bearer other"))
            call = AccessServiceStub(it.channel).Authorize(ask(token=""), metadata=twice, timeout=10)

            async def awaited() -> None:
                await call

            await it.refused(awaited(), Reason.TOKEN_MALFORMED)

    run(main)


def test_an_error_of_our_own_shows_nothing_of_the_inside(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with served() as it:
            text = await it.refused(it.authorize(ask("crash")), Reason.INTERNAL)
            assert text == ANSWERS[Reason.INTERNAL].summary
            assert [reason for _, reason, _, _ in it.desk.refusals] == [Reason.INTERNAL]

    run(main)
    assert "ZeroDivisionError" in caplog.text


def test_a_refusal_that_cannot_be_recorded_is_still_a_refusal() -> None:
    async def main() -> None:
        async with served() as it:
            it.desk.record_broken = True
            await it.refused(it.authorize(ask(token="bad")), Reason.RECORD_UNAVAILABLE)

    run(main)


def test_no_such_call() -> None:
    async def main() -> None:
        async with served() as it:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await it.channel.unary_unary(f"/{SERVICE}/Nothing", None, None)(b"", timeout=10)
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED

    run(main)


# --- where the person is ---------------------------------------------------------------------------------------------


def test_an_edge_may_say_where_the_person_is() -> None:
    async def main() -> None:
        async with served(edges=("127.0.0.0/8",)) as it:
            await it.authorize(ask(address="192.0.2.7"), x_forwarded_for="198.51.100.1")
            await it.authorize(ask(), x_forwarded_for="198.51.100.1")
            assert [asked.peer for asked in it.desk.asked] == [
                Peer(address="192.0.2.7", via_edge=True),
                Peer(address=LOOPBACK),
            ]

    run(main)


def test_over_ipv6() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")

    async def main() -> None:
        async with served(address="[::1]:0", edges=("::1/128",)) as it:
            await it.authorize(ask(address="2001:DB8::7"))
            await it.authorize(ask())
            assert [asked.peer.address for asked in it.desk.asked] == ["2001:db8::7", "::1"]

    run(main)


# --- health, reflection, TLS -----------------------------------------------------------------------------------------


def test_health_follows_readiness() -> None:
    async def main() -> None:
        async with served() as it:
            health = health_pb2_grpc.HealthStub(it.channel)
            watch = health.Watch(health_pb2.HealthCheckRequest(service=SERVICE))
            assert (await watch.read()).status == Serving.SERVING
            for service in ("", SERVICE):
                request = health_pb2.HealthCheckRequest(service=service)
                assert (await health.Check(request)).status == Serving.SERVING
                it.desk.problems = ["no policy loaded"]
                assert (await health.Check(request)).status == Serving.NOT_SERVING
                it.desk.problems = []
            assert (await watch.read()).status == Serving.NOT_SERVING
            watch.cancel()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await health.Check(health_pb2.HealthCheckRequest(service="sekisho.v1.Nothing"))
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND

    run(main)


def test_a_watcher_hears_of_it_without_asking() -> None:
    async def main() -> None:
        async with served() as it:
            watch = health_pb2_grpc.HealthStub(it.channel).Watch(health_pb2.HealthCheckRequest())
            assert (await watch.read()).status == Serving.SERVING
            it.desk.problems = ["record not writable"]
            assert (await asyncio.wait_for(watch.read(), 10)).status == Serving.NOT_SERVING
            watch.cancel()

    run(main)


def test_reflection_lists_the_services_where_it_is_wanted() -> None:
    async def main() -> None:
        async with served() as it:
            stub = reflection_pb2_grpc.ServerReflectionStub(it.channel)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                async for _ in stub.ServerReflectionInfo(iter([])):
                    pass
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        async with served(reflection=True) as it:
            stub = reflection_pb2_grpc.ServerReflectionStub(it.channel)
            requests = [
                reflection_pb2.ServerReflectionRequest(list_services=""),
                reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE),
            ]
            listing, file = [reply async for reply in stub.ServerReflectionInfo(iter(requests))]
            names = {service.name for service in listing.list_services_response.service}
            assert names == {SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
            assert file.file_descriptor_response.file_descriptor_proto

    run(main)


def certificate(folder: Path) -> CallerTls:
    """A certificate for 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sekisho")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    tls = CallerTls(certificate=folder / "tls.crt", key=folder / "tls.key")
    tls.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    tls.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return tls


def test_over_tls(tmp_path: Path) -> None:
    tls = certificate(tmp_path)

    async def main() -> None:
        desk = ScriptedDesk()
        door = GrpcDoor(desk, GrpcListener(address=f"{LOOPBACK}:0", tls=tls))
        await door.start()
        credentials = grpc.ssl_channel_credentials(tls.certificate.read_bytes())
        async with grpc.aio.secure_channel(door.address, credentials) as channel:
            response = await AccessServiceStub(channel).Authorize(ask(), timeout=10)
            assert response.effect == wire.EFFECT_ALLOW
        async with grpc.aio.insecure_channel(door.address) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await AccessServiceStub(channel).Authorize(ask(), timeout=10)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert len(desk.asked) == 1
        await door.stop(0)

    run(main)


def channel_of(address: str, ca: TestCa, shown: Issued | None = None) -> grpc.aio.Channel:
    """A channel that trusts the authority, and shows a certificate or none."""
    key, chain = (shown.key.read_bytes(), shown.certificate.read_bytes()) if shown is not None else (None, None)
    return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(ca.path.read_bytes(), key, chain))


async def code_of(channel: grpc.aio.Channel, request: wire.AuthorizeRequest) -> tuple[grpc.StatusCode, str | None]:
    """The status of a call, and the reason beside it."""
    call = AccessServiceStub(channel).Authorize(request, timeout=10)
    with contextlib.suppress(grpc.aio.AioRpcError):
        await call
    return await call.code(), dict(await call.trailing_metadata() or ()).get("sekisho-reason")


def test_a_caller_is_known_by_its_certificate(test_ca: TestCa, tmp_path: Path) -> None:
    caller = Caller(
        name="search", certificate="uri:spiffe://x/search", datasources=("messenger",), may_assert=("principal",)
    )
    desk = ScriptedDesk()
    desk.callers = Callers((caller,), {"https://id.example"})
    own, others = test_ca.issue(LOOPBACK), TestCa(tmp_path)
    tls = CallerTls(certificate=own.certificate, key=own.key, client_ca=test_ca.path)
    search, other = test_ca.issue("spiffe://x/search"), test_ca.issue("spiffe://x/other")
    stranger, late = others.issue("spiffe://x/search"), test_ca.issue("spiffe://x/search", days=(-2, -1))
    unavailable = (grpc.StatusCode.UNAVAILABLE, None)

    async def main() -> None:
        door = GrpcDoor(desk, GrpcListener(address=f"{LOOPBACK}:0", tls=tls))
        await door.start()
        async with channel_of(door.address, test_ca, search) as channel:
            assert await code_of(channel, ask()) == (grpc.StatusCode.OK, "allowed")
            named = wire.Principal(issuer="https://id.example", subject="sato")
            assert await code_of(channel, ask(token="", principal=named)) == (grpc.StatusCode.OK, "allowed")
            assert await code_of(channel, ask(token="")) == (grpc.StatusCode.UNAUTHENTICATED, "token_missing")
            elsewhere = ask(datasource="private")
            assert await code_of(channel, elsewhere) == (grpc.StatusCode.PERMISSION_DENIED, "caller_not_allowed")
        async with channel_of(door.address, test_ca, other) as channel:
            assert await code_of(channel, ask()) == (grpc.StatusCode.UNAUTHENTICATED, "caller_unknown")
        for shown in (None, stranger, late):
            async with channel_of(door.address, test_ca, shown) as channel:
                assert await code_of(channel, ask()) == unavailable
        await door.stop(0)

    run(main)
    assert [(asked.caller and asked.caller.id, asked.principal.asserted_by) for asked in desk.asked] == [
        ("search", None),
        ("search", "search"),
    ]


def test_other_authorities_count_for_who_comes_next(test_ca: TestCa, tmp_path: Path) -> None:
    caller = Caller(name="search", certificate="uri:spiffe://x/search", datasources=("messenger",))
    desk, other = ScriptedDesk(), TestCa(tmp_path)
    desk.callers = Callers((caller,), ())
    own, authorities = test_ca.issue(LOOPBACK), tmp_path / "authorities.pem"
    authorities.write_bytes(test_ca.path.read_bytes())
    tls = CallerTls(certificate=own.certificate, key=own.key, client_ca=authorities)
    before, after = test_ca.issue("spiffe://x/search"), other.issue("spiffe://x/search")

    async def main() -> None:
        door = GrpcDoor(desk, GrpcListener(address=f"{LOOPBACK}:0", tls=tls))
        await door.start()
        assert door.certificates is not None
        watch = door.certificates.watch(lambda good: None)
        seen = []
        for renewed in (test_ca.path, other.path):
            authorities.write_bytes(renewed.read_bytes())
            for _ in range(2):
                await watch.look()
            for shown in (before, after):
                async with channel_of(door.address, test_ca, shown) as channel:
                    seen.append((await code_of(channel, ask()))[0])
        assert [code is grpc.StatusCode.OK for code in seen] == [True, False, False, True]
        await door.stop(0)

    run(main)


def test_a_renewed_certificate_is_shown_to_who_comes_next(tmp_path: Path) -> None:
    tls = certificate(tmp_path)
    told: list[bool] = []

    async def main() -> None:
        door = GrpcDoor(ScriptedDesk(), GrpcListener(address=f"{LOOPBACK}:0", tls=tls))
        await door.start()
        assert door.certificates is not None
        watch = door.certificates.watch(told.append)
        host, _, port = door.address.rpartition(":")

        async def shown() -> str:
            return await asyncio.to_thread(ssl.get_server_certificate, (host, int(port)))

        first = grpc.ssl_channel_credentials(tls.certificate.read_bytes())
        async with grpc.aio.secure_channel(door.address, first) as channel:
            assert (await AccessServiceStub(channel).Authorize(ask(), timeout=10)).effect == wire.EFFECT_ALLOW
            before = await shown()
            tls.key.write_text("not a key")
            for _ in range(2):
                await watch.look()
            assert await shown() == before
            certificate(tmp_path)
            for _ in range(2):
                await watch.look()
            after = await shown()
            assert (after != before, after) == (True, tls.certificate.read_text())
            assert (await AccessServiceStub(channel).Authorize(ask(), timeout=10)).effect == wire.EFFECT_ALLOW
        await door.stop(0)

    run(main)
    assert told == [False, True]


@pytest.mark.parametrize("address", ["0.0.0.0:50051", "192.0.2.1:50051", "[::]:50051", "gateway.example:50051"])
def test_tokens_never_cross_a_network_in_the_clear(address: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs `tls`"):
        GrpcDoor(ScriptedDesk(), GrpcListener(address=address))
    GrpcDoor(ScriptedDesk(), GrpcListener(address=address, tls=certificate(tmp_path)))


# --- starting and stopping -------------------------------------------------------------------------------------------


def test_an_address_in_use_is_said_at_once() -> None:
    async def main() -> None:
        async with served() as it:
            second = GrpcDoor(ScriptedDesk(), GrpcListener(address=it.door.address))
            with pytest.raises(OSError, match="cannot listen"):
                await second.start()
            await second.stop()

    run(main)


def test_stopping_lets_open_calls_end() -> None:
    class Slow(ScriptedDesk):
        def __init__(self) -> None:
            super().__init__()
            self.arrived, self.answer = asyncio.Event(), asyncio.Event()

        async def ask_async(self, ask: Ask, seconds: float | None = None) -> Outcome:
            self.arrived.set()
            await self.answer.wait()
            return await super().ask_async(ask)

    async def main() -> None:
        desk = Slow()
        async with served(desk) as it, asyncio.TaskGroup() as group:
            call = group.create_task(it.authorize(ask()))
            await desk.arrived.wait()
            stopping = group.create_task(it.door.stop(10))
            await asyncio.sleep(0)  # one turn: stopping has begun, and waits
            assert not stopping.done()
            desk.answer.set()
            assert (await call).effect == wire.EFFECT_ALLOW

    run(main)


def test_on_the_loop_the_gateway_uses() -> None:
    async def main() -> None:
        async with served() as it:
            assert (await it.authorize(ask("select phone"))).effect == wire.EFFECT_DENY

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
