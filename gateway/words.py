"""The closed sets and ids every part speaks with: one meaning each, the words of the design.

They are imported from `gateway.model`, together with the values made of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, NewType

JsonValue = None | bool | int | float | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"]

EntityId = NewType("EntityId", str)
PrincipalId = NewType("PrincipalId", str)
DatasourceId = NewType("DatasourceId", str)
Country = NewType("Country", str)  # ISO 3166-1 alpha-2, upper case
DataType = NewType("DataType", str)  # Fides taxonomy key, e.g. user.contact.phone_number


class Door(StrEnum):
    """Where a request arrived."""

    POSTGRES = "postgres"
    GRPC = "grpc"
    ENVOY = "envoy"
    HTTP = "http"


class Assertion(StrEnum):
    """What a caller may say of the person it asks for, where configuration lets it."""

    ADDRESS = "address"
    PRINCIPAL = "principal"


class Effect(StrEnum):
    """What a decision says. A narrowed answer is ``allow`` with obligations."""

    ALLOW = "allow"
    DENY = "deny"


class Mode(StrEnum):
    """Whether a rule acts or is only counted."""

    ENFORCE = "enforce"
    SHADOW = "shadow"


class Layer(StrEnum):
    """Whose word a rule is: the law's, a promise made to users, or the house's own."""

    LAW = "law"
    PROMISE = "promise"
    HOUSE = "house"


class Unlabelled(StrEnum):
    """What a datasource's catalog says of tables and columns that it does not list."""

    DENY = "deny"  # a statement that touches one is denied
    ASK = "ask"  # policy decides, as about people of an unknown country
    NONE = "none"  # they count as about nobody


class Unit(StrEnum):
    """Whom one value of a table's subject key identifies."""

    PERSON = "person"
    DEVICE = "device"


class Window(StrEnum):
    """Over which time distinct subjects are counted."""

    TWELVE_MONTHS = "P12M"  # rolling: those that end now
    YEAR = "year"  # since 1 January (UTC)


class Confidence(StrEnum):
    """How well a fact is known."""

    ATTESTED = "attested"  # server, registry
    INFERRED = "inferred"  # another parser, a route
    DECLARED = "declared"  # a caller or a claim
    UNKNOWN = "unknown"


CERTAINTIES: Final = (Confidence.ATTESTED, Confidence.INFERRED, Confidence.DECLARED)
"""With which of them it may be known what a statement does, the surest first."""


class Answer(StrEnum):
    """What the registry answers to a question about an entity. Not known is an answer of its own, never a no."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Durability(StrEnum):
    """What a record entry must have survived before bytes go on."""

    WRITTEN = "written"  # handed to the kernel: survives the process
    SYNCED = "synced"  # on disk: survives the machine
    REMOTE = "remote"  # a configured sink has it, too: survives the site


class LocationSource(StrEnum):
    """What told us where the principal is."""

    SITE_NETWORK = "site_network"  # the address lies in a configured `direct` site network
    SITE_LISTENER = "site_listener"  # the listener is bound to a site by configuration
    CLAIM = "claim"  # a signed claim of an issuer configured for it
    GEOIP = "geoip"
    NONE = "none"


class Stay(StrEnum):
    """Whether a person lives where they are, or is on a trip."""

    RESIDENCE = "residence"
    TRIP = "trip"
    UNKNOWN = "unknown"


class StatementEffect(StrEnum):
    """What a statement does to data."""

    NONE = "none"  # touches no relation (SELECT 1)
    READ = "read"
    WRITE = "write"
    SESSION = "session"  # BEGIN, COMMIT, SET of a harmless setting, SHOW


class ColumnUseKind(StrEnum):
    """How a statement uses a column. Every one of them is a read or a write; `predicate` leaks as `output` does."""

    OUTPUT = "output"
    PREDICATE = "predicate"
    ARRANGE = "arrange"  # GROUP BY, ORDER BY, DISTINCT, window, join using
    WRITE_TARGET = "write_target"
    WHOLE_ROW = "whole_row"
