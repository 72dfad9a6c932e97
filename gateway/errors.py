"""Every word Sekisho can say no with, and how each door says it.

``Reason`` is a closed set: it is the metric label, the record field, the row in README and the key of ``ANSWERS``,
which holds the SQLSTATE, HTTP status and gRPC status a person meets. A *denial* is a value (``model.Decision``); the
exceptions here mean "we could not decide or act", and each carries the reason it is denied, counted and explained by.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Reason(StrEnum):
    """Why an answer is what it is. Closed: one row each in README."""

    ALLOWED = "allowed"
    POLICY_DENIED = "policy_denied"
    STATEMENT_INCOMPLETE = "statement_incomplete"
    FACTS_NOT_ATTESTED = "facts_not_attested"
    ROUTE_UNMATCHED = "route_unmatched"
    PATH_NOT_CANONICAL = "path_not_canonical"
    OBLIGATION_UNSUPPORTED = "obligation_unsupported"
    VOLUME_EXCEEDED = "volume_exceeded"
    VOLUME_UNAVAILABLE = "volume_unavailable"
    SERVER_COMPLAINT = "server_complaint"
    POLICY_STALE = "policy_stale"
    ENGINE_UNAVAILABLE = "engine_unavailable"
    ENGINE_FAILED = "engine_failed"
    ENGINE_TIMEOUT = "engine_timeout"
    ENGINE_UNDEFINED = "engine_undefined"
    ENGINE_ANSWER_INVALID = "engine_answer_invalid"
    ENGINE_REVISION_MISMATCH = "engine_revision_mismatch"
    TWIN_UNAVAILABLE = "twin_unavailable"
    TWIN_TIMEOUT = "twin_timeout"
    RECORD_UNAVAILABLE = "record_unavailable"
    INTERNAL = "internal"
    # who is asking (logins, tokens)
    TOKEN_MISSING = "token_missing"
    TOKEN_MALFORMED = "token_malformed"
    TOKEN_EXPIRED = "token_expired"
    TOKEN_NOT_YET_VALID = "token_not_yet_valid"
    TOKEN_ISSUER_UNTRUSTED = "token_issuer_untrusted"
    TOKEN_AUDIENCE_MISMATCH = "token_audience_mismatch"
    TOKEN_ALGORITHM_REFUSED = "token_algorithm_refused"
    TOKEN_KEY_UNKNOWN = "token_key_unknown"
    TOKEN_SIGNATURE_INVALID = "token_signature_invalid"
    ISSUER_KEYS_UNAVAILABLE = "issuer_keys_unavailable"
    PASSWORD_WRONG = "password_wrong"
    TOO_MANY_PASSWORDS = "too_many_passwords"
    CHANNEL_BINDING_FAILED = "channel_binding_failed"
    CERTIFICATE_REFUSED = "certificate_refused"
    USER_MISMATCH = "user_mismatch"
    DATASOURCE_UNKNOWN = "datasource_unknown"
    PROFILE_NONE = "profile_none"
    PRINCIPAL_BLOCKED = "principal_blocked"
    TLS_REQUIRED = "tls_required"
    LOGIN_NOT_OFFERED = "login_not_offered"
    EDGE_UNTRUSTED = "edge_untrusted"
    CALLER_UNKNOWN = "caller_unknown"
    CALLER_NOT_ALLOWED = "caller_not_allowed"
    LOGIN_TIMEOUT = "login_timeout"
    STARTUP_PARAMETER_REFUSED = "startup_parameter_refused"
    PROTOCOL_VERSION_REFUSED = "protocol_version_refused"
    # the wire
    MESSAGE_MALFORMED = "message_malformed"
    MESSAGE_TOO_LARGE = "message_too_large"
    MESSAGE_REFUSED = "message_refused"
    STARTUP_TRUNCATED = "startup_truncated"
    TLS_HANDSHAKE_FAILED = "tls_handshake_failed"
    LIMIT_EXCEEDED = "limit_exceeded"
    TOO_MANY_SESSIONS = "too_many_sessions"
    NO_ROOM = "no_room"
    IDLE_TIMEOUT = "idle_timeout"
    IDLE_IN_TRANSACTION_TIMEOUT = "idle_in_transaction_timeout"
    STATEMENT_TIMEOUT = "statement_timeout"
    # the far side
    UPSTREAM_UNAVAILABLE = "upstream_unavailable"
    UPSTREAM_LOST = "upstream_lost"
    PINNED_SETTING_CHANGED = "pinned_setting_changed"
    MEANING_CHANGED = "meaning_changed"
    SESSION_OUTDATED = "session_outdated"
    SHUTTING_DOWN = "shutting_down"
    # requests over http and grpc
    REQUEST_INVALID = "request_invalid"
    DECISION_UNKNOWN = "decision_unknown"
    WORKER_UNAVAILABLE = "worker_unavailable"
    DEADLINE_EXCEEDED = "deadline_exceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a reason is said at each door."""

    sqlstate: str
    http: int
    grpc: str  # name of a grpc.StatusCode
    summary: str


def _answer(sqlstate: str, http: int, grpc: str, summary: str) -> Answer:
    return Answer(sqlstate=sqlstate, http=http, grpc=grpc, summary=summary)


# A policy denial of a statement is 42501 and never class 08, 57P0x or 0A000: pools evict connections on those.
ANSWERS: Final = MappingProxyType(
    {
        Reason.ALLOWED: _answer("00000", 200, "OK", "allowed, and recorded"),
        Reason.POLICY_DENIED: _answer("42501", 403, "PERMISSION_DENIED", "a rule denied it; the findings name which"),
        Reason.STATEMENT_INCOMPLETE: _answer(
            "42501", 403, "PERMISSION_DENIED", "what the statement does could not be established completely"
        ),
        Reason.FACTS_NOT_ATTESTED: _answer(
            "42501", 403, "PERMISSION_DENIED", "what is asked for is less certain than the datasource wants it to be"
        ),
        Reason.ROUTE_UNMATCHED: _answer(
            "42501",
            403,
            "PERMISSION_DENIED",
            "no route is configured for such requests, and nothing else is let through",
        ),
        Reason.PATH_NOT_CANONICAL: _answer(
            "22023", 400, "INVALID_ARGUMENT", "the path is written in a way that servers read differently"
        ),
        Reason.OBLIGATION_UNSUPPORTED: _answer(
            "42501", 403, "PERMISSION_DENIED", "allowed only under an obligation this door cannot fulfil"
        ),
        Reason.VOLUME_EXCEEDED: _answer(
            "42501", 403, "PERMISSION_DENIED", "nothing is left of how many people's data may go to the employer"
        ),
        Reason.VOLUME_UNAVAILABLE: _answer(
            "58000", 503, "UNAVAILABLE", "how many people's data went out cannot be told now, and a rule needs it"
        ),
        Reason.SERVER_COMPLAINT: _answer(
            "42601", 422, "INVALID_ARGUMENT", "the database itself rejects the statement; its own words are passed on"
        ),
        Reason.POLICY_STALE: _answer(
            "58000", 503, "UNAVAILABLE", "policy or registry is older than the datasource may be decided by"
        ),
        Reason.ENGINE_UNAVAILABLE: _answer("58000", 503, "UNAVAILABLE", "the policy engine cannot be asked"),
        Reason.ENGINE_FAILED: _answer("58000", 503, "UNAVAILABLE", "the policy engine failed on this very request"),
        Reason.ENGINE_TIMEOUT: _answer("58000", 503, "UNAVAILABLE", "the policy engine did not answer in time"),
        Reason.ENGINE_UNDEFINED: _answer("58000", 503, "UNAVAILABLE", "the policy's decision was undefined"),
        Reason.ENGINE_ANSWER_INVALID: _answer("58000", 503, "UNAVAILABLE", "the policy engine's answer was malformed"),
        Reason.ENGINE_REVISION_MISMATCH: _answer(
            "58000", 503, "UNAVAILABLE", "the policy engine answered by other rules than the gateway's"
        ),
        Reason.TWIN_UNAVAILABLE: _answer("58000", 503, "UNAVAILABLE", "the analysis twin cannot be reached"),
        Reason.TWIN_TIMEOUT: _answer(
            "58000", 503, "UNAVAILABLE", "the analysis twin did not answer in time (a lock on the relation, often)"
        ),
        Reason.RECORD_UNAVAILABLE: _answer("58030", 503, "UNAVAILABLE", "the record could not be written"),
        Reason.INTERNAL: _answer("58000", 500, "INTERNAL", "an error of the gateway's own; the log has it"),
        Reason.TOKEN_MISSING: _answer("28000", 401, "UNAUTHENTICATED", "no token was given"),
        Reason.TOKEN_MALFORMED: _answer("28000", 401, "UNAUTHENTICATED", "what was given is not a signed token"),
        Reason.TOKEN_EXPIRED: _answer("28000", 401, "UNAUTHENTICATED", "the token has expired"),
        Reason.TOKEN_NOT_YET_VALID: _answer("28000", 401, "UNAUTHENTICATED", "the token is not valid yet"),
        Reason.TOKEN_ISSUER_UNTRUSTED: _answer("28000", 401, "UNAUTHENTICATED", "the token's issuer is not trusted"),
        Reason.TOKEN_AUDIENCE_MISMATCH: _answer(
            "28000", 401, "UNAUTHENTICATED", "the token was made for another audience"
        ),
        Reason.TOKEN_ALGORITHM_REFUSED: _answer(
            "28000", 401, "UNAUTHENTICATED", "the token's algorithm is not on the issuer's list"
        ),
        Reason.TOKEN_KEY_UNKNOWN: _answer("28000", 401, "UNAUTHENTICATED", "no key of the issuer fits the token"),
        Reason.TOKEN_SIGNATURE_INVALID: _answer("28000", 401, "UNAUTHENTICATED", "the token's signature is wrong"),
        Reason.ISSUER_KEYS_UNAVAILABLE: _answer(
            "58000", 503, "UNAVAILABLE", "the issuer's keys could not be fetched, or not for too long"
        ),
        Reason.PASSWORD_WRONG: _answer("28P01", 401, "UNAUTHENTICATED", "no such service user, or another password"),
        Reason.TOO_MANY_PASSWORDS: _answer(
            "28000", 429, "UNAUTHENTICATED", "too many wrong passwords of this user came from this address just now"
        ),
        Reason.CHANNEL_BINDING_FAILED: _answer(
            "28000",
            401,
            "UNAUTHENTICATED",
            "the client's TLS does not end at this gateway, or somebody hid that it does",
        ),
        Reason.CERTIFICATE_REFUSED: _answer(
            "28000", 401, "UNAUTHENTICATED", "the client's certificate names nobody, or more than one"
        ),
        Reason.USER_MISMATCH: _answer(
            "28000", 403, "PERMISSION_DENIED", "the database user named is not the one the login maps to"
        ),
        Reason.DATASOURCE_UNKNOWN: _answer("3D000", 404, "NOT_FOUND", "no datasource of that name is configured"),
        Reason.PROFILE_NONE: _answer("28000", 403, "PERMISSION_DENIED", "no profile of the datasource fits the person"),
        Reason.PRINCIPAL_BLOCKED: _answer(
            "28000", 403, "PERMISSION_DENIED", "a block of the registry stops the person or an entity of theirs"
        ),
        Reason.TLS_REQUIRED: _answer("28000", 403, "PERMISSION_DENIED", "this listener takes tokens over TLS only"),
        Reason.LOGIN_NOT_OFFERED: _answer(
            "28000", 403, "PERMISSION_DENIED", "this listener offers no way to log in to such a name"
        ),
        Reason.EDGE_UNTRUSTED: _answer(
            "28000", 403, "PERMISSION_DENIED", "an address was asserted by a peer that is not a configured edge"
        ),
        Reason.CALLER_UNKNOWN: _answer(
            "28000", 401, "UNAUTHENTICATED", "who asks for somebody else is no configured caller"
        ),
        Reason.CALLER_NOT_ALLOWED: _answer(
            "28000", 403, "PERMISSION_DENIED", "the caller may not ask about this datasource, or not assert this"
        ),
        Reason.LOGIN_TIMEOUT: _answer("28000", 408, "DEADLINE_EXCEEDED", "login took longer than the limit"),
        Reason.STARTUP_PARAMETER_REFUSED: _answer(
            "28000", 400, "INVALID_ARGUMENT", "a start-up parameter is not on the allow-list"
        ),
        Reason.PROTOCOL_VERSION_REFUSED: _answer(
            "0A000", 400, "INVALID_ARGUMENT", "the protocol's major version is not 3"
        ),
        Reason.MESSAGE_MALFORMED: _answer("08P01", 400, "INVALID_ARGUMENT", "a message broke the protocol's format"),
        Reason.MESSAGE_TOO_LARGE: _answer("08P01", 413, "RESOURCE_EXHAUSTED", "a message was over the limit"),
        Reason.MESSAGE_REFUSED: _answer(
            "08P01", 400, "INVALID_ARGUMENT", "a message this gateway never forwards, or not in this state"
        ),
        Reason.STARTUP_TRUNCATED: _answer("08P01", 400, "INVALID_ARGUMENT", "the start-up packet was cut short"),
        Reason.TLS_HANDSHAKE_FAILED: _answer("08P01", 400, "INVALID_ARGUMENT", "the TLS handshake failed"),
        Reason.LIMIT_EXCEEDED: _answer("54000", 429, "RESOURCE_EXHAUSTED", "a limit of the gateway was reached"),
        Reason.TOO_MANY_SESSIONS: _answer(
            "53300", 429, "RESOURCE_EXHAUSTED", "too many sessions, in all or of one user"
        ),
        Reason.NO_ROOM: _answer(
            "53200", 413, "RESOURCE_EXHAUSTED", "too much of large messages came at once, of all sessions together"
        ),
        Reason.IDLE_TIMEOUT: _answer("57P05", 408, "ABORTED", "the session did nothing for too long"),
        Reason.IDLE_IN_TRANSACTION_TIMEOUT: _answer(
            "25P03", 408, "ABORTED", "the session did nothing for too long, in an open transaction"
        ),
        Reason.STATEMENT_TIMEOUT: _answer("57014", 408, "DEADLINE_EXCEEDED", "the statement ran too long"),
        Reason.UPSTREAM_UNAVAILABLE: _answer("58000", 502, "UNAVAILABLE", "the database cannot be reached"),
        Reason.UPSTREAM_LOST: _answer("08006", 502, "UNAVAILABLE", "the connection to the database was lost"),
        Reason.PINNED_SETTING_CHANGED: _answer(
            "08P01", 502, "ABORTED", "a setting the analysis depends on changed in the session"
        ),
        Reason.MEANING_CHANGED: _answer(
            "58000",
            503,
            "ABORTED",
            "what ran in a strict session was not what had been judged; nothing of it was shown",
        ),
        Reason.SESSION_OUTDATED: _answer(
            "57P01", 503, "UNAVAILABLE", "rules came into force that ask for a strict session: connect again"
        ),
        Reason.SHUTTING_DOWN: _answer("57P01", 503, "UNAVAILABLE", "the gateway is shutting down"),
        Reason.REQUEST_INVALID: _answer("22023", 400, "INVALID_ARGUMENT", "the request does not fit its schema"),
        Reason.DECISION_UNKNOWN: _answer("22023", 404, "NOT_FOUND", "no decision of that id can be completed"),
        Reason.WORKER_UNAVAILABLE: _answer(
            "58000", 503, "UNAVAILABLE", "another worker of the gateway decided, and did not answer in time"
        ),
        Reason.DEADLINE_EXCEEDED: _answer(
            "57014", 504, "DEADLINE_EXCEEDED", "the decision would have come after the caller's deadline"
        ),
    }
)


class SekishoError(Exception):
    """We could not decide or act. ``reason`` says under which word it is denied, counted and explained.

    ``detail`` is for the person: it never holds SQL, values, host names, addresses of others or a stack trace.
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail

    @property
    def answer(self) -> Answer:
        """How each door says this reason."""
        return ANSWERS[self.reason]


class ClientProtocolError(SekishoError):
    """The peer broke the protocol; the session ends. Blame: the client."""


class AuthenticationError(SekishoError):
    """The peer could not be authenticated, or may not log in. Blame: the client."""


class PolicyUnavailable(SekishoError):
    """The engine or the twin gave no usable answer. Blame: us; the statement is denied, the session lives."""


class RecordUnavailable(SekishoError):
    """The record could not be written; nothing is forwarded. Blame: us."""


class UpstreamError(SekishoError):
    """The database could not be reached or went away."""


class ConfigError(Exception):
    """Configuration, registry or policy cannot be used. Lists *every* problem found, each with its place."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
