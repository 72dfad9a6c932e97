"""Which route a request is for: method, host and path template. What none is for is denied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from gateway import config as c
from gateway.config_routes import segments_of
from gateway.errors import Reason, SekishoError
from gateway.model import ColumnUseKind, DatasourceId, StatementEffect
from gateway.routes.request import HttpRequest, target_of


class Reads(StrEnum):
    """How a route's requests are read."""

    FIXED = "fixed"  # the route itself says what they touch
    OPENSEARCH = "opensearch"  # _search and _count, of OpenSearch and Elasticsearch
    POSTGREST = "postgrest"
    DYNAMODB = "dynamodb"
    CLICKHOUSE = "clickhouse"
    TRINO = "trino"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route. ``segments`` are literals, or names of parameters in braces."""

    name: str  # for the record: methods and template
    methods: frozenset[str]
    host: str | None  # None: any
    segments: tuple[str, ...]
    datasource: DatasourceId
    reads: Reads
    schema: str  # what names in requests begin with, as the catalog has them
    # Of fixed routes.
    effect: StatementEffect = StatementEffect.READ
    relations: tuple[str, ...] = ()
    columns: tuple[tuple[str, str, ColumnUseKind], ...] = ()
    parameters: frozenset[str] = frozenset()
    body_fields: frozenset[str] = frozenset()
    # Of PostgREST.
    embeds: frozenset[str] = frozenset()

    @classmethod
    def of(cls, one: c.Route) -> Self:
        """From configuration that was looked at (`gateway.config_routes`)."""
        segments = segments_of(one.path)
        # The record says the template, never the path: there may be a person's number in it.
        name = f"{','.join(one.methods)} {one.host or ''}{one.path}"
        return cls(
            name=name,
            methods=frozenset(one.methods),
            host=one.host,
            segments=segments,
            datasource=DatasourceId(one.datasource),
            reads=Reads(one.reads),
            schema=one.schema,
            effect=StatementEffect(one.effect),
            relations=one.relations,
            columns=tuple(_columns(one)),
            parameters=frozenset(one.parameters),
            body_fields=frozenset(one.body_fields),
            embeds=frozenset(one.embeds),
        )


@dataclass(frozen=True, slots=True)
class Matched:
    """A request's route, what the path's parameters are, and its query as it came."""

    route: Route
    path: Mapping[str, str]
    query: str


class Routes:
    """All routes, in the order of the configuration: the first that fits."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._by_length: dict[int, list[Route]] = {}
        for route in routes:
            self._by_length.setdefault(len(route.segments), []).append(route)
        self.kinds = frozenset(route.reads for route in routes)

    @classmethod
    def of(cls, routes: Sequence[c.Route]) -> Self:
        """From configuration that was looked at."""
        return cls([Route.of(one) for one in routes])

    def match(self, request: HttpRequest) -> Matched:
        """The route of a request. Raises SekishoError: path_not_canonical, route_unmatched."""
        target = target_of(request)
        host = request.host.lower().partition(":")[0]
        for route in self._by_length.get(len(target.segments), ()):
            if request.method not in route.methods or route.host not in (None, host):
                continue
            path = _fits(route.segments, target.segments)
            if path is not None:
                return Matched(route, path, target.query)
        for route in self._by_length.get(len(target.segments), ()):
            if _fits(_lower(route.segments), _lower(target.segments)) is not None and (
                _fits(route.segments, target.segments) is None
            ):  # some servers do not care for case; this one does
                raise SekishoError(
                    Reason.PATH_NOT_CANONICAL, "the path is not in its one spelling: upper or lower case"
                )
        raise SekishoError(Reason.ROUTE_UNMATCHED, "no route is configured for this method, host and path")


def _fits(template: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    path: dict[str, str] = {}
    for wanted, segment in zip(template, segments, strict=True):
        if wanted.startswith("{"):
            path[wanted[1:-1]] = segment
        elif wanted != segment:
            return None
    return path


def _lower(segments: Sequence[str]) -> list[str]:
    return [segment if segment.startswith("{") else segment.lower() for segment in segments]


def _columns(one: c.Route) -> Iterator[tuple[str, str, ColumnUseKind]]:
    uses = (
        (one.output, ColumnUseKind.OUTPUT),
        (one.predicate, ColumnUseKind.PREDICATE),
        (one.written, ColumnUseKind.WRITE_TARGET),
    )
    for columns, use in uses:
        for column in columns:
            relation, _, name = column.rpartition(".")
            yield relation, name, use
