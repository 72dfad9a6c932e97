"""The one mapping both document doors share; and ``ScriptedDesk``, which their own tests put behind real sockets."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter

from gateway.doors.callers import Callers, Edges, Origin, Words
from gateway.doors.completions import Completion
from gateway.doors.requests import MAX_BATCH, explaining, prepare, read_batch, read_request, refuse
from gateway.errors import AuthenticationError, Reason, RecordUnavailable, SekishoError
from gateway.inquiry import Inquiry, Looking
from gateway.model import (
    Complaint,
    Confidence,
    DatasourceId,
    Decision,
    Door,
    Effect,
    Finding,
    Layer,
    Mask,
    Mode,
    Peer,
    Principal,
    PrincipalId,
    Verdict,
)
from gateway.needs import Ask, Outcome
from gateway.trace_context import Context, context_of

TANAKA = Principal(issuer="https://id.example", subject="tanaka", database_user="tanaka", expires_at=2_000_000_000)

SHADOW = Finding(
    rule="house-night", layer=Layer.HOUSE, mode=Mode.SHADOW, citation="", message="at night", fact="at", value=3
)
CHAIN = Finding(
    rule="jp-appi-28",
    layer=Layer.LAW,
    mode=Mode.ENFORCE,
    citation="APPI Art. 28(1)",
    message="the employer is under the law of CN",
    fact="employer.country",
    value=MappingProxyType({"country": "CN", "hops": (1, 2)}),
    remedy="ask the data protection office",
)
MASK = Mask(relation="public.users", column="phone", method="partial")


TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
IN_TRACE = Context("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", True, "congo=1")


class ScriptedDesk:
    """Answers by the text of the statement, and keeps what it was asked and told."""

    def __init__(self) -> None:
        self.collector = CollectorRegistry()
        Counter("sekisho_example", "An example.", registry=self.collector).inc()
        self.asked: list[Ask] = []
        self.inquiries: list[Inquiry] = []
        self.completed: list[tuple[Completion, frozenset[str], Door]] = []
        self.threads: list[threading.Thread] = []
        self.refusals: list[tuple[Door, Reason, str | None, str]] = []
        self.problems: list[str] = []
        self.record_broken = False
        self.secretive = False  # explains nothing
        self.living = True
        self.callers = Callers((), ())

    def groups_of(self, principal: PrincipalId) -> Sequence[str]:
        return ()

    def verify_token(self, token: str) -> Principal:
        if token != "good":
            raise AuthenticationError(Reason.TOKEN_EXPIRED, "it expired an hour ago")
        return TANAKA

    def context_of(self, parents: Sequence[str], states: Sequence[str]) -> Context | None:
        return context_of(parents, states)

    def choose_profile(self, datasource: str, principal: Principal) -> str:
        if datasource == "messenger":
            return "reader"
        raise AuthenticationError(Reason.PROFILE_NONE if datasource == "private" else Reason.DATASOURCE_UNKNOWN)

    def ask(self, ask: Ask) -> Outcome:
        self.asked.append(ask)
        self.threads.append(threading.current_thread())
        return scripted(ask)

    async def ask_async(self, ask: Ask, seconds: float | None = None) -> Outcome:
        self.asked.append(ask)
        return scripted(ask)

    def ask_all(self, asks: Sequence[Ask]) -> list[Outcome]:
        return [self.ask(ask) for ask in asks]

    async def ask_all_async(self, asks: Sequence[Ask], seconds: float | None = None) -> list[Outcome]:
        return [await self.ask_async(ask) for ask in asks]

    def complete(self, completion: Completion, askers: frozenset[str], door: Door) -> None:
        if completion.decision_id != "d-1":
            raise SekishoError(Reason.DECISION_UNKNOWN, "no open decision of yours has this id")
        self.completed.append((completion, askers, door))

    async def complete_async(self, completion: Completion, askers: frozenset[str], door: Door) -> None:
        self.complete(completion, askers, door)

    def read(self, inquiry: Inquiry, door: Door) -> Outcome:
        self.inquiries.append(inquiry)
        of_themselves = inquiry.reading.what is Looking.EXPLAIN and not self.secretive
        if inquiry.reading.entity == "line-yahoo" or of_themselves:
            return Outcome(reason=Reason.ALLOWED, decision=decision(Effect.ALLOW, Reason.ALLOWED))
        denied = decision(Effect.DENY, Reason.POLICY_DENIED)
        return Outcome(reason=Reason.POLICY_DENIED, decision=denied, message="access denied: not yours", hint="ask")

    async def read_async(self, inquiry: Inquiry, door: Door) -> Outcome:
        return self.read(inquiry, door)

    def refused(self, door: Door, reason: Reason, peer_address: str | None, detail: str) -> None:
        self.refusals.append((door, reason, peer_address, detail))
        if self.record_broken:
            raise RecordUnavailable(Reason.RECORD_UNAVAILABLE)

    def ready(self) -> tuple[bool, list[str]]:
        return not self.problems, list(self.problems)

    def alive(self) -> bool:
        return self.living

    def resolved_config(self) -> dict[str, Any]:
        return {"log_level": "info"}


def decision(effect: Effect, reason: Reason, **verdict: Any) -> Decision:
    """A decision of the scripted desk."""
    return Decision(
        id="d-1",
        at=1_700_000_000,
        reused=True,
        verdict=Verdict(effect=effect, reason=reason, valid_until=1_700_000_060, revision="r+p", **verdict),
    )


def scripted(ask: Ask) -> Outcome:
    """What the desk says to ``ask.sql``."""
    match ask.sql:
        case "select 1":
            return Outcome(reason=Reason.ALLOWED, decision=decision(Effect.ALLOW, Reason.ALLOWED, findings=(SHADOW,)))
        case "select phone":
            verdict: dict[str, Any] = {"findings": (CHAIN, SHADOW), "cross_border": True}
            denied = decision(Effect.DENY, Reason.POLICY_DENIED, **verdict)
            words: dict[str, Any] = {"message": "access denied: 中国", "detail": "Rule: jp-appi-28", "hint": "ask"}
            return Outcome(reason=Reason.POLICY_DENIED, decision=denied, sqlstate="42501", **words)
        case "select masked" if "mask" in ask.supports:
            return Outcome(reason=Reason.ALLOWED, decision=decision(Effect.ALLOW, Reason.ALLOWED, obligations=(MASK,)))
        case "select masked":
            reason = Reason.OBLIGATION_UNSUPPORTED
            return Outcome(reason=reason, decision=decision(Effect.DENY, reason, obligations=(MASK,)))
        case "selec 1":
            fields = (("S", "ERROR"), ("C", "42601"), ("M", 'syntax error at or near "selec"'), ("P", "1"))
            return Outcome(
                reason=Reason.SERVER_COMPLAINT, complaint=Complaint(sqlstate="42601", fields=fields), sqlstate="42601"
            )
        case "twin down":
            reason = Reason.TWIN_UNAVAILABLE
            return Outcome(reason=reason, decision=decision(Effect.DENY, reason), sqlstate="58000")
        case "crash":
            raise ZeroDivisionError("SECRET of the inside")
        case _:
            return Outcome(
                reason=Reason.STATEMENT_INCOMPLETE, decision=decision(Effect.DENY, Reason.STATEMENT_INCOMPLETE)
            )


def body(**changes: Any) -> dict[str, Any]:
    """A good request, changed; a key changed to ``...`` is left out."""
    request = {"token": "good", "datasource": "messenger", "statement": {"sql": "select 1"}, **changes}
    return {key: value for key, value in request.items() if value is not ...}


def reason_of(call: Any, *arguments: Any, **named: Any) -> Reason:
    """The reason under which a call is refused."""
    with pytest.raises(SekishoError) as caught:
        call(*arguments, **named)
    return caught.value.reason


# --- reading ---------------------------------------------------------------------------------------------------------


def test_a_request_is_read_whole() -> None:
    request = read_request(
        body(
            statement={"sql": "select $1", "parameter_types": [0, 23, 2**32 - 1]},
            address="::FFFF:192.0.2.7",
            supported_obligations=["mask", "row_limit", "mask"],
        )
    )
    assert (request.who.token, request.datasource, request.sql) == ("good", "messenger", "select $1")
    assert request.parameter_types == (0, 23, 2**32 - 1)
    assert request.who.address == "192.0.2.7"
    assert request.supports == {"mask", "row_limit"}


def test_what_may_be_left_out_is_empty() -> None:
    request = read_request(body())
    assert (request.parameter_types, request.who, request.supports) == ((), Words(token="good"), frozenset())


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (None, "must be an object"),
        ([], "must be an object"),
        ("text", "must be an object"),
        (body(purpose="support"), '"purpose"'),
        (body(**{"x\n\ud800": 1}), '"x\\n\\ud800"'),
        (body(statement={"sql": "select 1", "text": ""}), '"statement.text"'),
        (body(datasource=...), "datasource is missing"),
        (body(datasource=""), "datasource is empty"),
        (body(datasource=None), "datasource must be a string"),
        (body(datasource="d" * 256), "datasource is longer than 255"),
        (body(datasource="\ud800"), "half a surrogate pair"),
        (body(statement=...), "statement is missing"),
        (body(statement="select 1"), "statement must be an object"),
        (body(statement={}), "statement.sql is missing"),
        (body(statement={"sql": ""}), "statement.sql is empty"),
        (body(statement={"sql": 1}), "statement.sql must be a string"),
        (body(statement={"sql": "select '\udfff'"}), "half a surrogate pair"),
        (body(statement={"sql": "x", "parameter_types": {}}), "must be a list"),
        (body(statement={"sql": "x", "parameter_types": [23, "23"]}), "parameter_types[1]"),
        (body(statement={"sql": "x", "parameter_types": [True]}), "parameter_types[0]"),
        (body(statement={"sql": "x", "parameter_types": [1.0]}), "parameter_types[0]"),
        (body(statement={"sql": "x", "parameter_types": [-1]}), "parameter_types[0]"),
        (body(statement={"sql": "x", "parameter_types": [2**32]}), "parameter_types[0]"),
        (body(statement={"sql": "x", "parameter_types": [0] * 65_536}), "more than 65535"),
        (body(address=None), "address must be a string"),
        (body(address=""), "address must be an IPv4"),
        (body(address="192.0.2.0/24"), "address must be an IPv4"),
        (body(address="localhost"), "address must be an IPv4"),
        (body(address="192.0.2.01"), "address must be an IPv4"),
        (body(address="fe80::1%eth0"), "without a zone"),
        (body(address="1" * 300), "longer than 255"),
        (body(supported_obligations="mask"), "must be a list"),
        (body(supported_obligations=["mask", "notify"]), "supported_obligations[1]"),
        (body(supported_obligations=[None]), "supported_obligations[0]"),
        (body(supported_obligations=["mask"] * 17), "more than 16"),
        (body(token=1), "token must be a string"),
        (body(principal="sato"), "principal must be an object"),
        (body(principal={"issuer": "https://id.example"}), "principal.subject is missing"),
        (body(principal={"issuer": "", "subject": "sato"}), "principal.issuer is empty"),
        (body(principal={"issuer": "https://id.example", "subject": 1}), "principal.subject must be a string"),
        (body(principal={"issuer": "https://id.example", "subject": "a\nb"}), "printable"),
        (body(principal={"issuer": "https://id.example", "subject": "s", "groups": []}), '"principal.groups"'),
        (body(completes=1), "completes must be true or false"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(document: Any, named: str) -> None:
    with pytest.raises(SekishoError) as caught:
        read_request(document)
    assert caught.value.reason is Reason.REQUEST_INVALID
    assert named in caught.value.detail
    assert caught.value.detail.isascii()
    assert caught.value.detail.isprintable()


@pytest.mark.parametrize(
    ("token", "authorization", "reason"),
    [
        ("a" * 16_385, [], Reason.TOKEN_MALFORMED),
        ("ab\ud800", [], Reason.TOKEN_MALFORMED),
        ("a\nb", [], Reason.TOKEN_MALFORMED),
        ("a b", [], Reason.TOKEN_MALFORMED),
        (..., ["Basic Z29vZA=="], Reason.TOKEN_MALFORMED),
        (..., ["Bearer"], Reason.TOKEN_MALFORMED),
        (..., ["Bearer "], Reason.TOKEN_MALFORMED),
        (..., [""], Reason.TOKEN_MALFORMED),
        (..., ["Bearer a, Bearer b"], Reason.TOKEN_MALFORMED),
        (..., ["Bearer a", "Bearer b"], Reason.TOKEN_MALFORMED),
    ],
)
def test_tokens_are_well_formed(token: Any, authorization: list[str], reason: Reason) -> None:
    assert reason_of(read_request, body(token=token), authorization) is reason


@pytest.mark.parametrize("value", ["Bearer good", "bearer  good ", "BEARER good"])
def test_a_token_may_come_as_authorization(value: str) -> None:
    assert read_request(body(token=...), [value]).who.bearer == "good"
    assert read_request(body(token=""), [value]).who.bearer == "good"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
fields = st.sampled_from(["token", "principal", "datasource", "statement", "address", "supported_obligations"])
statements = st.dictionaries(st.sampled_from(["sql", "parameter_types", "x"]), json_values)


@given(json_values | st.dictionaries(fields, json_values | statements), st.lists(st.text(), max_size=2))
def test_a_document_is_read_or_refused_and_nothing_else(document: Any, authorization: list[str]) -> None:
    refused: list[int] = []
    try:
        request = read_request(document, authorization)
        assert request.datasource
        assert request.sql.encode()
    except SekishoError as error:
        refused.append(error.answer.http)
    assert set(refused) <= {400, 401}


# --- who asks, from where --------------------------------------------------------------------------------------------


def question(desk: ScriptedDesk, peer: str | None, edges: Edges, **changes: Any) -> Ask:
    return prepare(desk, Door.HTTP, read_request(body(**changes)), origin=Origin(peer), edges=edges)


def test_without_an_assertion_the_callers_own_address_counts_even_of_an_edge() -> None:
    edges = Edges.parse(["198.51.100.0/24"])
    callers = ("198.51.100.9", "203.0.113.9", None)
    for caller in callers:
        assert question(ScriptedDesk(), caller, edges).peer == Peer(address=caller)


def test_only_an_edge_may_assert_an_address() -> None:
    edges = Edges.parse(["198.51.100.0/24", "2001:db8::/32"])
    believed = Peer(address="192.0.2.7", via_edge=True)
    for caller in ("198.51.100.9", "2001:db8::1"):
        assert question(ScriptedDesk(), caller, edges, address="192.0.2.7").peer == believed
    strangers = ("198.51.101.9", "2001:db9::1", None)
    for stranger in strangers:
        told = reason_of(question, ScriptedDesk(), stranger, edges, address="192.0.2.7")
        assert told is Reason.EDGE_UNTRUSTED, stranger


def test_a_stranger_learns_nothing_but_that_the_token_is_refused() -> None:
    changes = {"token": "bad", "datasource": "nowhere", "address": "192.0.2.7"}
    assert reason_of(question, ScriptedDesk(), None, Edges(()), **changes) is Reason.TOKEN_EXPIRED


def test_the_question_holds_what_was_asked() -> None:
    asked = question(
        ScriptedDesk(),
        "192.0.2.1",
        Edges(()),
        statement={"sql": " select $1 ", "parameter_types": [25]},
        supported_obligations=["row_filter"],
    )
    assert asked == Ask(
        door=Door.HTTP,
        datasource=DatasourceId("messenger"),
        profile="reader",
        principal=TANAKA,
        peer=Peer(address="192.0.2.1"),
        sql=" select $1 ",
        parameter_types=(25,),
        supports=frozenset({"row_filter"}),
        session="http",
    )


def test_a_refusal_is_recorded_and_a_failing_record_is_worse_news() -> None:
    desk = ScriptedDesk()
    error = SekishoError(Reason.REQUEST_INVALID, "statement is missing")
    assert refuse(desk, Door.GRPC, error, "192.0.2.1") is error
    assert desk.refusals == [(Door.GRPC, Reason.REQUEST_INVALID, "192.0.2.1", "statement is missing")]
    desk.record_broken = True
    assert refuse(desk, Door.GRPC, error, None).reason is Reason.RECORD_UNAVAILABLE


def test_a_desk_that_breaks_while_told_still_leaves_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = ScriptedDesk()
    monkeypatch.setattr(desk, "refusals", None)
    assert refuse(desk, Door.GRPC, SekishoError(Reason.REQUEST_INVALID), None).reason is Reason.INTERNAL


def test_what_is_only_explained_lets_nothing_through_and_shows_it_in_the_record() -> None:
    asked = question(ScriptedDesk(), "192.0.2.1", Edges(()), completes=True)
    assert (asked.executes, asked.counts, asked.session) == (True, True, "http")
    told = explaining(asked)
    assert (told.executes, told.counts, told.session) == (False, False, "http:explain")
    assert (told.sql, told.principal, told.peer) == (asked.sql, asked.principal, asked.peer)


# --- several at once -------------------------------------------------------------------------------------------------

ENTRY = body(token=...)


@pytest.mark.parametrize(
    ("document", "authorization"),
    [
        ({"token": "good", "requests": [ENTRY, ENTRY]}, []),
        ({"requests": [ENTRY, ENTRY]}, ["Bearer good"]),
        ({"requests": [body(), body()]}, []),
    ],
)
def test_a_batch_has_one_token_for_all_or_one_each(document: Any, authorization: list[str]) -> None:
    requests = read_batch(document, authorization)
    assert [(one.who.token or one.who.bearer, one.sql) for one in requests] == [("good", "select 1")] * 2


@pytest.mark.parametrize(
    ("document", "authorization", "reason", "named"),
    [
        ({}, [], Reason.REQUEST_INVALID, "requests is missing"),
        ({"requests": []}, [], Reason.REQUEST_INVALID, "requests is empty"),
        ({"requests": {}}, [], Reason.REQUEST_INVALID, "requests must be a list"),
        ({"requests": [body()] * (MAX_BATCH + 1)}, [], Reason.REQUEST_INVALID, "more than 100"),
        ({"requests": [body(), 1]}, [], Reason.REQUEST_INVALID, "requests[1]: the body must be an object"),
        ({"requests": [body(colour=1)]}, [], Reason.REQUEST_INVALID, 'requests[0]: unknown key "colour"'),
        ({"requests": [body()], "address": "::1"}, [], Reason.REQUEST_INVALID, '"address"'),
        ({"requests": [ENTRY]}, ["Basic x"], Reason.TOKEN_MALFORMED, "requests[0]"),
        ({"token": "good", "requests": [body()]}, [], Reason.REQUEST_INVALID, "given twice"),
        ({"principal": {}, "requests": [ENTRY]}, [], Reason.REQUEST_INVALID, "principal.issuer is missing"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused_whole(
    document: Any, authorization: list[str], reason: Reason, named: str
) -> None:
    with pytest.raises(SekishoError) as caught:
        read_batch(document, authorization)
    assert caught.value.reason is reason
    assert named in caught.value.detail


def test_a_resource_stands_in_place_of_a_statement() -> None:
    columns = [{"relation": "public.users", "column": "phone", "use": "output"}]
    resource = {"effect": "read", "relations": ["public.users"], "columns": columns}
    document = {"token": "good", "datasource": "messenger", "resource": resource}
    asked = read_request(document)
    assert (asked.sql, asked.parameter_types) == ("declared read: public.users", ())
    assert asked.resource is not None
    assert asked.resource.confidence is Confidence.DECLARED
    for wrong in ({**document, "statement": {"sql": "SELECT 1"}}, {"token": "good", "datasource": "messenger"}):
        with pytest.raises(SekishoError) as refused:
            read_request(wrong)
        assert refused.value.reason is Reason.REQUEST_INVALID
