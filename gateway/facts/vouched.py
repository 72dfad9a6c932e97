"""``vouched:`` of a datasource in catalog.yaml: functions and stored definitions that somebody looked into.

    vouched:
      functions:
        app.initials(text):                 # schema, name, types of the arguments as the server prints them
          reason: first letters of what it is given, nothing else
          reviewed: 2026-01-31
          source_sha256: 5f2c…              # of pg_proc.prosrc: another body is not vouched for
      definitions:
        app.recent_stickers:
          reason: the literal in it is a number of days

To vouch for a function is to say that it, and whatever it calls, gives back nothing but what it makes of its arguments
and changes nothing. What the server does not have is told of when its catalog is read; here only what can be seen in
the line itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.facts.fields import Section
from gateway.facts.yaml_tree import Scalar
from gateway.model import Vouched, VouchedFunction

_FUNCTION: Final = re.compile(r"([^.()]+)\.([^()]+)\(([^()]*)\)")
_DEFINITION: Final = re.compile(r"[^.() ][^()]*[. ][^()]*[^.() ]")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_NOT_OURS: Final = frozenset({"pg_catalog", "information_schema", "pg_temp"})
# What people write for a type, and what the server prints for it.
_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "int": "integer",
        "int2": "smallint",
        "int4": "integer",
        "int8": "bigint",
        "float4": "real",
        "float8": "double precision",
        "bool": "boolean",
        "decimal": "numeric",
        "varchar": "character varying",
        "char": "character",
        "bpchar": "character",
        "varbit": "bit varying",
        "time": "time without time zone",
        "timetz": "time with time zone",
        "timestamp": "timestamp without time zone",
        "timestamptz": "timestamp with time zone",
    }
)


def read_vouched(parent: Section) -> Vouched:
    """The whole of a datasource's ``vouched``; nothing where there is none."""
    functions: dict[str, VouchedFunction] = {}
    definitions: dict[str, str] = {}
    for part, line, node in parent.named_nodes("vouched") if parent.has("vouched") else ():
        if part not in ("functions", "definitions"):
            parent.problem_at(line, f"unknown key '{part}' (known: definitions, functions)")
            continue
        for name, name_line, value in parent.named_nodes_of(node, part):
            said = None if isinstance(value, Scalar) and value.is_null else parent.section_of(value)
            if part == "functions":
                _add_function(functions, parent, name, name_line, said)
            else:
                if _DEFINITION.fullmatch(name) is None:
                    parent.problem_at(name_line, f"'{name}' must be a name with its schema, or a kind and a name")
                definitions[name] = f"{parent.file}:{name_line}"
                _for_people(said)
    if not functions and not definitions:
        return Vouched()
    return Vouched(
        revision=_revision(functions, definitions),
        functions=MappingProxyType(functions),
        definitions=MappingProxyType(definitions),
    )


def _add_function(
    functions: dict[str, VouchedFunction], parent: Section, name: str, line: int, said: Section | None
) -> None:
    digest, definer = "", False
    if said is not None:
        digest = said.optional_text("source_sha256") or ""
        if digest and _SHA256.fullmatch(digest) is None:
            said.problem("'source_sha256' must be 64 digits of 0-9 and a-f", "source_sha256")
        definer = said.flag("security_definer", default=False)
    _for_people(said)
    identity = canonical(name)
    if identity is None:
        parent.problem_at(line, f"'{name}' must be a function with its schema and types, such as app.initials(text)")
        return
    if identity.partition(".")[0] in _NOT_OURS:
        parent.problem_at(line, f"'{name}': only functions of users are vouched for")
    if identity in functions:
        parent.problem_at(line, f"'{name}' is {identity}, which stands in {functions[identity].place} already")
    functions[identity] = VouchedFunction(place=f"{parent.file}:{line}", source_sha256=digest, security_definer=definer)


def canonical(name: str) -> str | None:
    """``schema.name(types)`` as the server prints the types, or None where it is none."""
    found = _FUNCTION.fullmatch(name.strip())
    if found is None:
        return None
    schema, function, types = found.groups()
    listed = [" ".join(one.split()) for one in types.split(",")] if types.strip() else []
    if not all(listed):
        return None
    return f"{schema}.{function}({', '.join(_canonical_type(one) for one in listed)})"


def _canonical_type(name: str) -> str:
    array = "[]" if name.endswith("[]") else ""
    bare = name.removesuffix("[]").strip()
    return _TYPES.get(bare.lower(), bare.removeprefix("pg_catalog.")) + array


def _for_people(said: Section | None) -> None:
    """Why, and when somebody looked; then nothing else."""
    if said is not None:
        said.optional_text("reason")
        said.day("reviewed")
        said.done()


def _revision(functions: Mapping[str, VouchedFunction], definitions: Mapping[str, str]) -> str:
    said = [f"{name} {one.source_sha256} {one.security_definer}" for name, one in functions.items()]
    return hashlib.sha256("\n".join([*sorted(said), "", *sorted(definitions)]).encode()).hexdigest()[:16]
