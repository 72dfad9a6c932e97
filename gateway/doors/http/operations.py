"""The one table of what the http door serves. The application routes by it, and /openapi.json is made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.doors.http import admin, asking, beside, forwarding, looking, opa, selecting, trino
from gateway.doors.http.problems import PROBLEM
from gateway.doors.http.results import FORMATS
from gateway.doors.http.room import Answering
from gateway.doors.http.schemas import Schema, ref
from gateway.errors import ANSWERS

JSON: Final = "application/json"
Answers = Mapping[int, Mapping[str, Schema]]

_STATUSES: Final = sorted({answer.http for answer in ANSWERS.values()} - {200})
_TEXT: Final[Schema] = {"type": "string"}
_ROWS: Final[Mapping[str, Schema]] = {**dict.fromkeys(FORMATS, _TEXT), JSON: ref("Rows")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One path and method. Its words are the first line of what answers it."""

    method: str
    path: str
    answer: Answering
    answers: Answers
    tag: str
    takes: str | None = None  # name of the schema of its document
    asks: Mapping[str, str] = field(default_factory=dict)  # parameters of its query string, with their words
    token: bool = False  # who asks is said by `Authorization`, if not in the document

    @property
    def name(self) -> str:
        """Of the operation."""
        return self.answer.__name__

    @property
    def summary(self) -> str:
        """For a person."""
        return (self.answer.__doc__ or "").partition("\n")[0]


def _decided(schema: str) -> Answers:
    """An answer of every status there is, or a problem."""
    document = {JSON: ref(schema)}
    return {200: document} | {status: document | {PROBLEM: ref("Problem")} for status in _STATUSES}


def _or_problem(good: Mapping[str, Schema]) -> Answers:
    return {200: good} | {status: {PROBLEM: ref("Problem")} for status in _STATUSES}


def _yes_or_no(schema: str) -> Answers:
    return {200: {JSON: ref(schema)}, 503: {JSON: ref(schema)}}


def _question(path: str, answer: Answering, takes: str, answers: Answers) -> Operation:
    return Operation(method="POST", path=path, answer=answer, takes=takes, answers=answers, tag="decisions", token=True)


def _beside(path: str, answer: Answering, answers: Answers) -> Operation:
    return Operation(method="GET", path=path, answer=answer, answers=answers, tag="gateway")


OPERATIONS: Final = (
    _question("/v1/authorize", asking.authorize, "Question", _decided("Answer")),
    _question("/v1/authorize/batch", asking.batch, "Questions", _or_problem({JSON: ref("Answers")})),
    _question("/v1/explain", asking.explain, "Question", _or_problem({JSON: ref("Explanation")})),
    _question("/v1/complete", asking.complete, "Completion", _or_problem({JSON: ref("Completed")})),
    _question("/v1/query", selecting.query, "Query", _or_problem(_ROWS)),
    _question("/v1/data/sekisho/allow", opa.opa_allow, "OpaQuestion", _or_problem({JSON: ref("OpaAllowed")})),
    _question("/v1/data/sekisho/decision", opa.opa_decision, "OpaQuestion", _or_problem({JSON: ref("OpaDecided")})),
    *(
        _question(f"/v1/data/sekisho/trino/{path}", answer, "TrinoQuestion", _or_problem({JSON: ref("TrinoAnswer")}))
        for path, answer in (
            ("allow", trino.trino_allow),
            ("batch", trino.trino_batch),
            ("rowFilters", trino.trino_row_filters),
            ("columnMask", trino.trino_column_mask),
            ("batchColumnMasks", trino.trino_column_masks),
        )
    ),
    Operation(
        method="GET",
        path="/v1/forward-auth",
        answer=forwarding.forward_auth,
        answers={200: {}} | {status: {PROBLEM: ref("Problem")} for status in (401, 403, 500)},
        tag="decisions",
        token=True,
    ),
    Operation(
        method="GET",
        path="/v1/decisions",
        answer=looking.decisions,
        answers=_or_problem({JSON: ref("Decisions")}),
        asks=looking.FILTERS,
        tag="record",
        token=True,
    ),
    _beside("/healthz", beside.healthz, _yes_or_no("Alive")),
    _beside("/readyz", beside.readyz, _yes_or_no("Ready")),
    _beside("/metrics", beside.metrics, {200: {"text/plain": _TEXT, "application/openmetrics-text": _TEXT}}),
    _beside("/v1/config", beside.config, {200: {JSON: ref("Any")}}),
    _beside("/openapi.json", beside.openapi, {200: {JSON: ref("Any")}}),
    _beside("/docs", beside.docs, {200: {"text/html": _TEXT}}),
    _beside("/docs/docs.js", beside.docs_script, {200: {"text/javascript": _TEXT}}),
    _beside("/docs/docs.css", beside.docs_style, {200: {"text/css": _TEXT}}),
)


def _call(method: str, path: str, answer: Answering, takes: str | None = None, good: int = 200) -> Operation:
    answers = {good: {JSON: ref("Any")}} | {status: {PROBLEM: ref("Problem")} for status in _STATUSES}
    return Operation(method=method, path=path, answer=answer, answers=answers, tag="admin", takes=takes, token=True)


ADMIN: Final = (
    _call("GET", "/v1/admin/status", admin.status),
    _call("POST", "/v1/admin/reload", admin.reload),
    _call("POST", "/v1/admin/block", admin.block_call, "Block"),
    _call("POST", "/v1/admin/unblock", admin.unblock_call, "Unblock"),
    _call("POST", "/v1/admin/drain", admin.drain, good=202),
    _beside("/openapi.json", beside.openapi, {200: {JSON: ref("Any")}}),
    _beside("/docs", beside.docs, {200: {"text/html": _TEXT}}),
    _beside("/docs/docs.js", beside.docs_script, {200: {"text/javascript": _TEXT}}),
    _beside("/docs/docs.css", beside.docs_style, {200: {"text/css": _TEXT}}),
)
"""Of the admin port."""
