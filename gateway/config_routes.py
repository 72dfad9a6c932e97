"""What a configuration must fulfil where services and their routes are named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.config_draft import Draft, Problem

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
READS: Final = ("fixed", "opensearch", "postgrest", "dynamodb", "clickhouse", "trino")
EFFECTS: Final = ("read", "write", "none")
PARAMETER: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")
LITERAL: Final = re.compile(r"[A-Za-z0-9._~,:@-]+")
_NEEDS: Final = {"opensearch": {"index"}, "postgrest": {"relation"}}
_LEVELS: Final = {"trino": 2}  # names in a schema, of which there is one anywhere else
_SAYS: Final = ("relations", "output", "predicate", "written", "parameters", "body_fields")
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


def route(draft: Draft) -> Iterator[Problem]:
    """A template that means one thing, and nothing said that nobody looks at."""
    reads, path = draft.get("reads"), draft.get("path")
    names: list[str] | None = None
    if path is not None:
        try:
            names = parameters_in(segments_of(path))
        except ValueError as error:
            yield "path", str(error)
    for index, method in enumerate(draft.get("methods") or ()):
        if method not in METHODS:
            yield f"methods[{index}]", f"`{method}` is not one of {', '.join(METHODS)}"
    if draft.get("methods") == ():
        yield "methods", "name at least one"
    if (host := draft.get("host")) is not None and not _HOST.fullmatch(host):
        yield "host", "a host name or address in lower case, without port"
    if (schema := draft.get("schema")) is not None and reads is not None:
        levels = _LEVELS.get(reads, 1)
        if not all(schema.split(".")) or len(schema.split(".")) != levels:
            yield "schema", f"{levels} name(s), with a dot between"
    if reads is not None and names is not None and reads in READS and reads != "fixed":
        if set(names) != _NEEDS.get(reads, set()):
            wanted = ", ".join(f"{{{one}}}" for one in sorted(_NEEDS.get(reads, ()))) or "none"
            yield "path", f"the parameters of a `{reads}` route are: {wanted}"
        for name in _SAYS:
            if draft.get(name):
                yield name, f"a `{reads}` route finds that out by itself"
    if reads == "fixed":
        yield from _fixed(draft)
    if reads is not None and reads != "postgrest" and draft.get("embeds"):
        yield "embeds", "only a `postgrest` route looks at it"


def _fixed(draft: Draft) -> Iterator[Problem]:
    relations, effect = draft.get("relations"), draft.get("effect")
    if effect == "none" and any(draft.get(name) for name in ("relations", "output", "predicate", "written")):
        yield "effect", "is `none`, and relations or columns are named"
    if effect in ("read", "write") and relations == ():
        yield "relations", "name what it touches, or say `effect: none`"
    for name in ("output", "predicate", "written"):
        for index, column in enumerate(draft.get(name) or ()):
            relation, _, last = column.rpartition(".")
            if not last or (relations is not None and relation not in relations):
                yield f"{name}[{index}]", f"`{column}` is no column of the relations named"
    if effect == "read" and draft.get("written"):
        yield "effect", "is `read`, and columns are written"


def segments_of(template: str) -> tuple[str, ...]:
    """A path template in its segments. ValueError says what is wrong with it."""
    if not template.startswith("/"):
        raise ValueError("a path begins with a slash")
    if template == "/":
        return ()
    segments = tuple(template[1:].split("/"))
    for segment in segments:
        if not PARAMETER.fullmatch(segment) and (not LITERAL.fullmatch(segment) or segment in (".", "..")):
            raise ValueError(f"`{segment}` is neither a plain word nor a {{parameter}}")
    names = parameters_in(segments)
    if len(set(names)) != len(names):
        raise ValueError("a parameter stands twice in it")
    return segments


def parameters_in(segments: tuple[str, ...]) -> list[str]:
    """The names of a template's parameters."""
    return [found[1] for segment in segments if (found := PARAMETER.fullmatch(segment))]


def leads_somewhere(draft: Draft) -> Iterator[Problem]:
    """Every route leads to a datasource or service, and no two of these have one name."""
    sources = [one.get("id") for one in draft.sections("datasources")]
    services = [one.get("id") for one in draft.sections("services")]
    for name in services:
        if name is not None and name in sources:
            yield "services", f"`{name}` is a datasource, too"
    known = {*sources, *services}
    for index, one in enumerate(draft.sections("routes")):
        name = one.get("datasource")
        if name is not None and name not in known:
            yield f"routes[{index}].datasource", f"`{name}` is neither a datasource nor a service"
