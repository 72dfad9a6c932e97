"""Why a request of a route could not be established: the closed set behind ``StatementFacts.incomplete`` there."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class RouteCode(StrEnum):
    """Where understanding stopped. Closed."""

    COLUMNS_NOT_GIVEN = "columns_not_given"
    PARAMETER_UNKNOWN = "parameter_unknown"
    PARAMETER_MALFORMED = "parameter_malformed"
    PARAMETER_TWICE = "parameter_twice"
    HEADER_REFUSED = "header_refused"
    BODY_PARTIAL = "body_partial"
    BODY_MISSING = "body_missing"
    BODY_UNEXPECTED = "body_unexpected"
    BODY_MALFORMED = "body_malformed"
    BODY_KEY_UNKNOWN = "body_key_unknown"
    CONTENT_TYPE_REFUSED = "content_type_refused"
    CONTENT_ENCODING_REFUSED = "content_encoding_refused"
    NAME_REFUSED = "name_refused"
    OPERATION_REFUSED = "operation_refused"
    EXPRESSION_REFUSED = "expression_refused"
    SQL_UNREADABLE = "sql_unreadable"
    SQL_SEVERAL = "sql_several"
    SQL_REFUSED = "sql_refused"
    SQL_FUNCTION_REFUSED = "sql_function_refused"


SUMMARIES: Final = MappingProxyType(
    {
        RouteCode.COLUMNS_NOT_GIVEN: "a caller declared a relation without its columns",
        RouteCode.PARAMETER_UNKNOWN: "a query parameter that the route does not know",
        RouteCode.PARAMETER_MALFORMED: "the query string, or a value in it, has more than one reading, or none",
        RouteCode.PARAMETER_TWICE: "a query parameter is given twice",
        RouteCode.HEADER_REFUSED: "a header that would change what the request means",
        RouteCode.BODY_PARTIAL: "the proxy passed on only a part of the body",
        RouteCode.BODY_MISSING: "the request has a body that the proxy did not pass on, or lacks the one it needs",
        RouteCode.BODY_UNEXPECTED: "the request has a body where the route knows none",
        RouteCode.BODY_MALFORMED: "the body is not what its type says, or has more than one reading",
        RouteCode.BODY_KEY_UNKNOWN: "a key of the body that the route does not know",
        RouteCode.CONTENT_TYPE_REFUSED: "a content type or character set that the route does not take",
        RouteCode.CONTENT_ENCODING_REFUSED: "a body that is compressed or encoded",
        RouteCode.NAME_REFUSED: "the name of an index, table or column that is not plain",
        RouteCode.OPERATION_REFUSED: "an operation that is not let through",
        RouteCode.EXPRESSION_REFUSED: "a query, aggregation or expression that is not on the allow-list",
        RouteCode.SQL_UNREADABLE: "SQL that cannot be read, or might be read in two ways",
        RouteCode.SQL_SEVERAL: "several SQL statements in one request",
        RouteCode.SQL_REFUSED: "SQL of a kind, or with a part, that is not let through",
        RouteCode.SQL_FUNCTION_REFUSED: "a function, or table function, that is not on the allow-list",
    }
)
