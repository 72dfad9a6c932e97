"""The closed sets that label metrics and are nobody else's words. A part of `gateway.metrics`."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """Which part of a decision took the time."""

    TOTAL = "total"
    UNDERSTAND = "understand"
    DECIDE = "decide"
    RECORD = "record"


class AnswerSource(StrEnum):
    """Whose answer a decision is."""

    RULES = "rules"  # they were asked
    REUSED = "reused"  # an earlier answer to the same question
    NONE = "none"  # no rule was, or could be, asked


class LoginMethod(StrEnum):
    """How somebody proved who they are."""

    NONE = "none"  # nothing had been asked yet
    TOKEN = "token"  # noqa: S105 - a label
    OAUTHBEARER = "oauthbearer"
    SCRAM = "scram"
    CERTIFICATE = "certificate"


class CertificateUse(StrEnum):
    """What certificates are read again for."""

    POSTGRES = "postgres"
    GRPC = "grpc"
    HTTP = "http"
    ADMIN = "admin"
    UPSTREAM = "upstream"


class Dataset(StrEnum):
    """What is watched, and loaded again when it changes."""

    REGISTRY = "registry"
    BLOCKS = "blocks"
    COUNTRIES = "countries"
    POLICY = "policy"
    BUNDLE = "bundle"


class CancelResult(StrEnum):
    """What became of a cancel request."""

    SENT = "sent"  # to the server
    ELSEWHERE = "elsewhere"  # to the worker whose key it is
    UNKNOWN = "unknown"  # nobody has that key
    SUPPRESSED = "suppressed"  # there were too many of them


class AdminCall(StrEnum):
    """What somebody wants at the admin port."""

    STATUS = "status"
    RELOAD = "reload"
    BLOCK = "block"
    UNBLOCK = "unblock"
    DRAIN = "drain"
