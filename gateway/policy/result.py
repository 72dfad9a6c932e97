"""The engine's answer -> ``Verdict``, strictly: what is not exactly the agreed shape is no answer: a denial."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

from gateway.errors import PolicyUnavailable, Reason
from gateway.model import (
    Country,
    DataType,
    Durability,
    Effect,
    Finding,
    JsonValue,
    Layer,
    Limit,
    Mask,
    Mode,
    Obligation,
    RowFilter,
    RowLimit,
    SubjectCountries,
    Unit,
    UnknownObligation,
    Verdict,
    Window,
)

E = TypeVar("E", bound=StrEnum)

_COUNTRY: Final = re.compile(r"[A-Z]{2}")
MASK_METHODS: Final = frozenset({"null", "constant", "partial", "year", "domain", "bucket", "hash"})
FINDING_REASONS: Final = frozenset({Reason.POLICY_DENIED, Reason.STATEMENT_INCOMPLETE, Reason.FACTS_NOT_ATTESTED})
_DECISION: Final = frozenset(
    {"effect", "obligations", "findings", "cross_border", "durability", "valid_until", "headroom", "limits"}
)
_LIMIT: Final = frozenset({"data_types", "subject_country", "unit", "window", "max", "mode"})
_FINDING: Final = frozenset({"rule", "layer", "mode", "citation", "message", "fact", "value", "reason", "remedy"})


def parse_verdict(raw: JsonValue, *, valid_until: int, revision: str) -> Verdict:
    """The verdict in ``raw``; ``valid_until`` is the facts' own, and the earlier of the two counts."""
    answer = _object(raw, _DECISION, "the decision")
    effect = _member(Effect, answer["effect"], "effect")
    findings = tuple(_finding(item) for item in _list(answer["findings"], "findings"))
    obligations = tuple(_obligation(item) for item in _list(answer["obligations"], "obligations"))
    enforced = [finding for finding in findings if finding.mode is Mode.ENFORCE]
    if effect is Effect.ALLOW and enforced:
        raise _invalid("it allows although an enforced rule denied")
    if effect is Effect.DENY and not enforced:
        raise _invalid("it denies without naming a rule")
    until = _moment(answer["valid_until"])
    return Verdict(
        effect=effect,
        reason=enforced[0].reason if enforced else Reason.ALLOWED,
        obligations=obligations,
        findings=findings,
        cross_border=_boolean(answer["cross_border"], "cross_border"),
        durability=_member(Durability, answer["durability"], "durability"),
        valid_until=valid_until if until is None else min(valid_until, until),
        headroom=None if answer["headroom"] is None else _whole(answer["headroom"], "headroom"),
        limits=tuple(_limit(item) for item in _list(answer["limits"], "limits")),
        revision=revision,
    )


def _invalid(what: str) -> PolicyUnavailable:
    return PolicyUnavailable(Reason.ENGINE_ANSWER_INVALID, f"the policy's answer is not valid: {what}")


def _object(value: JsonValue, keys: frozenset[str], what: str) -> Mapping[str, JsonValue]:
    if not isinstance(value, Mapping):
        raise _invalid(f"{what} is not an object")
    if value.keys() != keys:
        missing, unknown = sorted(keys - value.keys()), sorted(value.keys() - keys)
        raise _invalid(f"{what} has missing fields {missing} and unknown fields {unknown}")
    return value


def _list(value: JsonValue, what: str) -> list[JsonValue]:
    if not isinstance(value, list):
        raise _invalid(f"{what} is not a list")
    return value


def _text(value: JsonValue, what: str, *, empty: bool = False) -> str:
    if not isinstance(value, str) or not (value or empty):
        raise _invalid(f"{what} is not a text")
    return value


def _boolean(value: JsonValue, what: str) -> bool:
    if not isinstance(value, bool):
        raise _invalid(f"{what} is not true or false")
    return value


def _whole(value: JsonValue, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _invalid(f"{what} is not a whole number of zero or more")
    return value


def _member(kind: type[E], value: JsonValue, what: str) -> E:
    if not isinstance(value, str) or value not in {str(member) for member in kind}:
        raise _invalid(f"{what} is not one of {', '.join(kind)}")
    return kind(value)


def _moment(value: JsonValue) -> int | None:
    if value is None:
        return None
    text = _text(value, "valid_until")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _invalid("valid_until is not an RFC 3339 time") from None
    if moment.tzinfo is None:
        raise _invalid("valid_until has no time zone")
    return int(moment.timestamp())


def _finding(value: JsonValue) -> Finding:
    item = _object(value, _FINDING, "a finding")
    reason = _member(Reason, item["reason"], "a finding's reason")
    if reason not in FINDING_REASONS:
        raise _invalid("a finding's reason is not one a rule may give")
    return Finding(
        rule=_text(item["rule"], "a finding's rule"),
        layer=_member(Layer, item["layer"], "a finding's layer"),
        mode=_member(Mode, item["mode"], "a finding's mode"),
        citation=_text(item["citation"], "a finding's citation"),
        message=_text(item["message"], "a finding's message"),
        fact=_text(item["fact"], "a finding's fact"),
        value=item["value"],
        reason=reason,
        remedy=_text(item["remedy"], "a finding's remedy", empty=True),
    )


def _limit(value: JsonValue) -> Limit:
    item = _object(value, _LIMIT, "a limit")
    named = _list(item["data_types"], "a limit's data types")
    types = tuple(DataType(_text(one, "a limit's data type")) for one in named)
    if not types:
        raise _invalid("a limit is about no data type")
    country = _text(item["subject_country"], "a limit's country")
    if not _COUNTRY.fullmatch(country):
        raise _invalid("a limit's country is not two capital letters")
    return Limit(
        data_types=types,
        subject_country=Country(country),
        unit=_member(Unit, item["unit"], "a limit's unit"),
        window=_member(Window, item["window"], "a limit's window"),
        most=_whole(item["max"], "a limit's max"),
        mode=_member(Mode, item["mode"], "a limit's mode"),
    )


def _mask(item: Mapping[str, JsonValue]) -> Obligation:
    item = _object(item, frozenset({"kind", "relation", "column", "method"}), "a mask")
    method = _text(item["method"], "a mask's method")
    if method not in MASK_METHODS:
        return UnknownObligation(name=f"mask {method}")
    return Mask(
        relation=_text(item["relation"], "a mask's relation"),
        column=_text(item["column"], "a mask's column"),
        method=method,
    )


def _row_filter(item: Mapping[str, JsonValue]) -> Obligation:
    item = _object(item, frozenset({"kind", "relation", "predicate"}), "a row filter")
    return RowFilter(
        relation=_text(item["relation"], "a row filter's relation"),
        predicate=_text(item["predicate"], "a row filter's predicate"),
    )


def _subject_countries(item: Mapping[str, JsonValue]) -> Obligation:
    item = _object(item, frozenset({"kind", "relation", "column", "countries"}), "a filter of subject countries")
    countries = {_text(one, "a subject country") for one in _list(item["countries"], "the subject countries")}
    if not all(_COUNTRY.fullmatch(one) for one in countries):
        raise _invalid("a subject country is not two capital letters")
    return SubjectCountries(
        relation=_text(item["relation"], "a filter's relation"),
        column=_text(item["column"], "a filter's column"),
        countries=tuple(Country(one) for one in sorted(countries)),
    )


def _row_limit(item: Mapping[str, JsonValue]) -> Obligation:
    item = _object(item, frozenset({"kind", "rows"}), "a row limit")
    return RowLimit(rows=_whole(item["rows"], "a row limit's rows"))


_OBLIGATIONS: Final[Mapping[str, Callable[[Mapping[str, JsonValue]], Obligation]]] = {
    "mask": _mask,
    "row_filter": _row_filter,
    "subject_countries": _subject_countries,
    "row_limit": _row_limit,
}


def _obligation(value: JsonValue) -> Obligation:
    if not isinstance(value, Mapping):
        raise _invalid("an obligation is not an object")
    kind = _text(value.get("kind"), "an obligation's kind")
    known = _OBLIGATIONS.get(kind)
    # A kind this version does not know is kept: no door supports it, so it denies under its own name.
    return known(value) if known else UnknownObligation(name=kind)
