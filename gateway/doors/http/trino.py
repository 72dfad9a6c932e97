"""Trino's OPA access control: `/v1/data/sekisho/trino/allow`, `batch`, `rowFilters`, `columnMask`, `batchColumnMasks`.

Trino is a caller that may assert a principal; the person it names has the registry's groups, not Trino's. It asks for
masks by the column and for filters by the table, apart from the question whether a query may run: so a query is let
through only if every obligation it has comes out of those smaller questions too, and a column that nobody may see by
itself is NULL. Results are those of OPA; what never became a question is a problem, which Trino takes for a no.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from flask import Response

from gateway.doors.callers import Words, who_asks
from gateway.doors.documents import bearer_of
from gateway.doors.http.opa import opa_input
from gateway.doors.http.problems import json_answer
from gateway.doors.http.room import Room, authorization, origin, traced
from gateway.doors.requests import explaining
from gateway.doors.trino import (
    SELECT,
    SUPPORTS,
    Action,
    Resource,
    Table,
    facts_for,
    filter_sql,
    mask_sql,
    read_action,
    selecting,
    told_elsewhere,
)
from gateway.errors import Reason, SekishoError
from gateway.model import DatasourceId, Door, Mask, Obligation, StatementFacts, SubjectCountries
from gateway.needs import Ask, Outcome

_HIDDEN: Final = "NULL"
_MOST_QUESTIONS: Final = 1000  # at once


def trino_allow(room: Room) -> Response:
    """Whether an action may be done."""
    with room.asking():
        action = read_action(opa_input())
        (resource,) = action.resources or (Resource(),)
        ask = _ask(room, action, resource, facts_for(action.operation, resource))
    outcome = room.desk.ask(ask)
    allowed = outcome.allowed and (not _obligations(outcome) or _can_be_told(room, action, resource, outcome))
    return _result(allowed)


def trino_batch(room: Room) -> Response:
    """Which of several things somebody may see, by their places."""
    with room.asking():
        action = read_action(opa_input(), several=True)
        asks = [_ask(room, action, one, facts_for(action.operation, one)) for one in action.resources]
        # Names of things of one catalog are one question, however many there are.
        distinct = {(ask.datasource, ask.given): ask for ask in asks}
        if len(distinct) > _MOST_QUESTIONS:
            raise SekishoError(Reason.REQUEST_INVALID, f"more than {_MOST_QUESTIONS} different questions at once")
    outcomes = dict(zip(distinct, room.desk.ask_all([*distinct.values()]), strict=True))
    allowed = [_plainly(outcomes[ask.datasource, ask.given]) for ask in asks]
    if action.operation == "FilterColumns" and len(action.resources) == 1:  # one table, and its columns to choose from
        table = action.resources[0].table
        allowed = allowed * len(table.columns) if table is not None else []
    return _result([place for place, one in enumerate(allowed) if one])


def trino_row_filters(room: Room) -> Response:
    """What a table is filtered by."""
    with room.asking():
        action = read_action(opa_input())
        table = _table(action.resources)
        ask = _part(room, action, table, ())
    outcome = room.desk.ask(ask)
    if not outcome.allowed:
        return _result([{"expression": "false"}])
    filters = [one for one in _obligations(outcome) if isinstance(one, SubjectCountries)]
    return _result([{"expression": filter_sql(one)} for one in filters])


def trino_column_mask(room: Room) -> Response:
    """What is shown in place of a column; nothing where it is shown as it is."""
    with room.asking():
        action = read_action(opa_input())
        _table(action.resources)
        masks = _masks(room, action)
    return json_answer({"result": {"expression": masks[0]}} if masks[0] is not None else {})


def trino_column_masks(room: Room) -> Response:
    """The same of several columns, by their places."""
    with room.asking():
        masks = _masks(room, read_action(opa_input(), several=True))
    told = [(place, mask) for place, mask in enumerate(masks) if mask is not None]
    return _result([{"index": place, "viewExpression": {"expression": mask}} for place, mask in told])


def _masks(room: Room, action: Action) -> list[str | None]:
    tables = [_table((one,)) for one in action.resources[:_MOST_QUESTIONS]]
    if any(len(table.columns) != 1 for table in tables):
        raise SekishoError(Reason.REQUEST_INVALID, "a mask is of one column")
    outcomes = room.desk.ask_all([_part(room, action, table, table.columns) for table in tables])
    told = [
        _mask(outcome, table.columns[0], resource.column_type)
        for outcome, table, resource in zip(outcomes, tables, action.resources, strict=False)
    ]
    return told + [_HIDDEN] * (len(action.resources) - len(told))  # beyond so many nobody asks, and nothing is shown


def _mask(outcome: Outcome, column: str, column_type: str) -> str | None:
    """Of one column that was asked about alone. What may not be seen, or not be told in Trino's SQL, is NULL."""
    if not outcome.allowed:
        return _HIDDEN
    masks = [one for one in _obligations(outcome) if isinstance(one, Mask) and one.column == column]
    if not masks:
        return None
    told = mask_sql(masks[0], column, column_type) if len(masks) == 1 else None
    return _HIDDEN if told is None else told


def _can_be_told(room: Room, action: Action, resource: Resource, outcome: Outcome) -> bool:
    """Whether Trino will be told of every obligation when it asks for masks and filters."""
    table = resource.table
    if action.operation != SELECT or table is None:
        return False
    parts = [_part(room, action, table, ()), *(_part(room, action, table, (column,)) for column in table.columns)]
    return told_elsewhere(_obligations(outcome), [_obligations(one) for one in room.desk.ask_all(parts)])


def _part(room: Room, action: Action, table: Table, columns: Sequence[str]) -> Ask:
    """A smaller question, to find out what goes with a column or a table: nothing is let through by it."""
    resource = Resource(table.catalog, table)
    return explaining(_ask(room, action, resource, selecting(table, columns)))


def _ask(room: Room, action: Action, resource: Resource, facts: StatementFacts) -> Ask:
    """The question. Raises SekishoError."""
    settings = room.behind.trino
    if settings is None:
        raise SekishoError(Reason.CALLER_NOT_ALLOWED, "Trino is not configured here (listeners.http.trino)")
    datasource = resource.catalog or settings.datasource
    words = Words(bearer=bearer_of(authorization()), principal=(settings.issuer, action.user))
    asker = who_asks(room.desk, words, datasource, origin=origin(), edges=room.edges)
    return Ask(
        door=Door.HTTP,
        datasource=DatasourceId(datasource),
        profile=room.desk.choose_profile(datasource, asker.principal),
        principal=asker.principal,
        caller=asker.caller,
        peer=asker.peer,
        sql=f"trino {action.operation}",
        given=facts,
        supports=SUPPORTS if action.operation in (SELECT, "GetRowFilters", "GetColumnMask") else frozenset(),
        session=Door.HTTP.value,
        trace=traced(room),
    )


def _table(resources: Sequence[Resource]) -> Table:
    table = resources[0].table if resources else None
    if table is None:
        raise SekishoError(Reason.REQUEST_INVALID, "action.resource must be a table, or a column of one")
    return table


def _plainly(outcome: Outcome) -> bool:
    return outcome.allowed and not _obligations(outcome)


def _obligations(outcome: Outcome) -> tuple[Obligation, ...]:
    return outcome.decision.verdict.obligations if outcome.decision is not None else ()


def _result(result: Any) -> Response:
    return json_answer({"result": result})
