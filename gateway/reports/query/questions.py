"""A question about accesses -> SQL over the views: which of them (filters), and by what they are counted.

Names of people, entities and countries are parameters, never part of the SQL. Executions are counted under their
decision first and then joined with it: of ten million entries only as many rows are joined as there are decisions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

from gateway.model import JsonValue

UNKNOWN: Final = "unknown"
UNLABELLED: Final = "unlabelled"  # as a data type: what the catalog does not know

Value = JsonValue | datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Accesses:
    """Which accesses; None: not narrowed by it."""

    since: datetime | None = None
    until: datetime | None = None  # the first moment that is not counted any more
    principal: str | None = None  # issuer#subject, the subject, or the registry's name
    entity: str | None = None
    country: str | None = None
    location: str | None = None
    subject_country: str | None = None
    data_type: str | None = None
    relation: str | None = None
    rule: str | None = None
    effect: str | None = None
    reason: str | None = None
    datasource: str | None = None
    door: str | None = None
    purpose: str | None = None
    decision: str | None = None

    def told(self) -> str:
        """What is asked, in words."""
        given = [(field.name, getattr(self, field.name)) for field in fields(self)]
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in given if value is not None)


@dataclass(frozen=True, slots=True)
class Question:
    """SQL with its parameters."""

    sql: str
    given: Mapping[str, Value]


def _holds(column: str, name: str) -> str:
    return f"list_contains({column}, ${name})"


_NOWHERE: Final = "(len(location) = 0 OR NOT employer_known)"
# By filter: its condition, and whether a refusal, for which no rule was asked, says enough to fulfil it.
_CONDITIONS: Final[Mapping[str, tuple[str, bool]]] = {
    "principal": ("(principal = $principal OR subject = $principal OR person = $principal)", False),
    "entity": ("coalesce(entity, 'unknown') = $entity", False),
    "country": (f"({_holds('origin', 'country')} OR ($country = 'unknown' AND {_NOWHERE}))", False),
    "location": (f"({_holds('location', 'location')} OR ($location = 'unknown' AND len(location) = 0))", False),
    "subject_country": (_holds("subject_countries", "subject_country"), False),
    "data_type": (
        "(len([one FOR one IN data_types IF one = $data_type OR starts_with(one, $data_type || '.')]) > 0"
        " OR ($data_type = 'unlabelled' AND len(unlabelled) > 0))",
        False,
    ),
    "relation": ("(list_contains(relations, $relation) OR list_contains(relations, 'public.' || $relation))", False),
    "rule": ("(list_contains(rules, $rule) OR list_contains(shadow_rules, $rule))", False),
    "effect": ("effect = $effect", True),
    "reason": ("reason = $reason", True),
    "datasource": ("datasource = $datasource", True),
    "door": ("door = $door", True),
    "purpose": ("purpose = $purpose", False),
    "decision": ("id = $decision", True),
}
_OF_REFUSALS: Final = {"principal": "(principal = $principal OR subject = $principal)"}


def _joined(column: str) -> str:
    return f"array_to_string({column}, ', ')"


def _known(expression: str) -> str:
    """Of a refusal, for which nobody asked who is employed where, it is nothing: not even unknown."""
    return f"CASE WHEN origin IS NOT NULL THEN {expression} END"


# What accesses can be counted by. Where one has several values (an origin of two countries), they are one group.
DIMENSIONS: Final[Mapping[str, str]] = {
    "principal": "principal",
    "person": _known("coalesce(nullif(person, ''), 'unknown')"),
    "entity": _known("coalesce(entity, 'unknown')"),
    "country": _known(f"array_to_string(list_concat(origin, CASE WHEN {_NOWHERE} THEN ['unknown'] ELSE [] END), ', ')"),
    "location": _known(f"coalesce(nullif({_joined('location')}, ''), 'unknown')"),
    "chain": _joined("chain"),
    "owners": _joined("owners"),
    "subject-country": _joined("subject_countries"),
    "storage-country": _joined("storage_countries"),
    "data-type": "CASE WHEN len(data_types) > 0 OR len(unlabelled) > 0 THEN array_to_string(list_concat(data_types,"
    " CASE WHEN len(unlabelled) > 0 THEN ['unlabelled'] ELSE [] END), ', ')"
    " WHEN about_people THEN 'people, no type' WHEN NOT about_people THEN 'about nobody' END",
    "relation": _joined("relations"),
    "column": _joined("columns"),
    "rule": _joined("rules"),
    "effect": "effect",
    "reason": "reason",
    "datasource": "datasource",
    "door": "door",
    "profile": "profile",
    "purpose": "purpose",
    "day": "strftime(period, '%Y-%m-%d')",
    "month": "strftime(period, '%Y-%m')",
}
BY_DEFAULT: Final = ("country", "entity", "data-type", "effect")
_PERIODS: Final = ("day", "month")
COUNTED: Final = ("decisions", "executions", "rows", "people", "first", "last")
LISTED: Final = (
    ("time", "time"),
    ("principal", "coalesce(nullif(person, ''), principal)"),
    ("entity", "entity"),
    ("location", DIMENSIONS["location"]),
    ("data_types", DIMENSIONS["data-type"]),
    ("subject_countries", _joined("subject_countries")),
    ("relations", _joined("relations")),
    ("columns", _joined("columns")),
    ("effect", "effect"),
    ("reason", "reason"),
    ("rules", _joined("rules")),
    ("rows", "rows"),
    ("datasource", "datasource"),
    ("decision_id", "id"),
)


def counting(wanted: Accesses, by: Iterable[str]) -> tuple[Question, Question]:
    """Two steps: the first makes the table ``counted``, one row for each decision and period; the second reads the
    answer from it, its last row the sums, which it marks in its first column."""
    by = tuple(by)
    when, given = _when(wanted)
    period = next((f"date_trunc('{one}', time)" for one in _PERIODS if one in by), "NULL::TIMESTAMP")
    first = Question(
        f"CREATE TEMP TABLE counted AS SELECT decision AS of_decision, {period} AS period, count(*) AS executions,"  # noqa: S608
        f" count(*) FILTER (id = decision) AS decisions, sum(rows)::BIGINT AS rows, min(time) AS first,"
        f" max(time) AS last FROM executions WHERE {when} GROUP BY ALL",
        given,
    )
    where, more = _which(wanted)
    rows = f"SELECT * FROM counted JOIN decisions ON decisions.id = counted.of_decision WHERE {where}"  # noqa: S608
    refused = _which_refused(wanted)
    if refused is not None:
        rows += (
            f" UNION ALL BY NAME SELECT *, {period} AS period, 1 AS executions, 0 AS decisions, NULL::BIGINT AS rows,"  # noqa: S608
            f" time AS first, time AS last FROM refusals WHERE {when} AND {refused}"
        )
    # Under names of their own: a group may be called like the column it is made of.
    names = ", ".join(f'"by {one}"' for one in by)
    columns = "".join(f', {DIMENSIONS[one]} AS "by {one}"' for one in by)
    shown = "".join(f'"by {one}" AS "{one}", ' for one in by)
    grouping = f"GROUPING({names})" if by else "1"
    sets = f"GROUPING SETS (({names}), ())" if by else "()"
    second = Question(
        f"WITH found AS (SELECT *{columns} FROM ({rows}))"  # noqa: S608
        f" SELECT {grouping} > 0 AS total, {shown}"
        f"coalesce(sum(decisions), 0)::BIGINT AS decisions,"
        f" coalesce(sum(executions), 0)::BIGINT AS executions, coalesce(sum(rows), 0)::BIGINT AS rows,"
        f" count(DISTINCT principal) AS people, min(first) AS first, max(last) AS last FROM found GROUP BY {sets}"
        f" ORDER BY total, executions DESC{', ' + names if by else ''}",
        {**more, **(given if refused is not None else {})},
    )
    return first, second


def strays() -> Question:
    """How many executions, and rows, are of a decision that is not in these entries. After the first step."""
    return Question(
        "SELECT coalesce(sum(executions), 0)::BIGINT, coalesce(sum(rows), 0)::BIGINT FROM counted"
        " WHERE of_decision NOT IN (SELECT id FROM decisions)",
        {},
    )


def listing(wanted: Accesses, most: int) -> Question:
    """The last accesses, each by itself, the newest first."""
    where, given = _each(wanted)
    columns = ", ".join(f"{expression} AS {name}" for name, expression in LISTED)
    return Question(
        f"SELECT {columns} FROM accesses WHERE {where} ORDER BY accesses.time DESC, id LIMIT $most",  # noqa: S608
        {**given, "most": most},
    )


def more_than(wanted: Accesses, most: int) -> Question:
    """Whether there are more than so many: the last of them are not to be taken for all."""
    where, given = _each(wanted)
    return Question(
        f"SELECT count(*) > $most FROM (SELECT 1 FROM accesses WHERE {where} LIMIT $most + 1)",  # noqa: S608
        {**given, "most": most},
    )


def _each(wanted: Accesses) -> tuple[str, dict[str, Value]]:
    when, given = _when(wanted)
    which, more = _which(wanted)
    if _which_refused(wanted) is None:
        which += " AND origin IS NOT NULL"  # of a refusal nobody knows
    return f"{when} AND {which}", {**given, **more}


def _when(wanted: Accesses) -> tuple[str, dict[str, Value]]:
    given = {name: value for name in ("since", "until") if (value := getattr(wanted, name)) is not None}
    parts = {"since": "time >= $since::TIMESTAMP", "until": "time < $until::TIMESTAMP"}
    return " AND ".join(["true", *(parts[name] for name in given)]), dict(given)


def _which(wanted: Accesses) -> tuple[str, dict[str, Value]]:
    given = {name: value for name in _CONDITIONS if (value := getattr(wanted, name)) is not None}
    return " AND ".join(["true", *(_CONDITIONS[name][0] for name in given)]), dict(given)


def _which_refused(wanted: Accesses) -> str | None:
    """Which refusals; None: of none can be told that it is what is asked for."""
    parts = ["true"]
    for name, (condition, known) in _CONDITIONS.items():
        if getattr(wanted, name) is not None:
            if not known and name not in _OF_REFUSALS:
                return None
            parts.append(_OF_REFUSALS.get(name, condition))
    return " AND ".join(parts)
