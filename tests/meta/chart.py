"""The parts of the chart that are made: ``python -m tests.meta.chart`` says whether they are as made, ``--write`` makes
them.

- In ``values.schema.json``, what is the gateway's own configuration (``config`` and each door's ``options``), from the
  dataclasses of `gateway.config`: a misspelt setting is refused before anything is installed. The rest of the schema is
  written by hand.
- In the chart's ``README.md``, the table of its values: names, types and words of the schema, defaults of
  ``values.yaml``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from gateway.config_load import iter_settings
from tests.meta.tree import ROOT

CHART: Final = ROOT / "helm" / "sekisho"
SCHEMA: Final = CHART / "values.schema.json"
README: Final = CHART / "README.md"
Schema = dict[str, Any]

_TYPES: Final[Mapping[str, Schema]] = {
    "text": {"type": "string"},
    "path": {"type": "string"},
    "whole number": {"type": "integer"},
    "true or false": {"type": "boolean"},
    "list of text": {"type": "array", "items": {"type": "string"}},
    "section": {"type": "object"},
    "list of sections": {"type": "array"},
}
# The chart's to set, as it knows where its volumes, Secrets and ports are.
_OURS: Final = (
    "listeners",
    "record.directory",
    "policy.bundle.url",
    "policy.bundle.directory",
    "policy.bundle.key",
    "policy.bundle.ca",
    "policy.bundle.token_file",
)
# And of a listener. Who stands before the postgres door is the service's matter.
_OURS_OF_DOORS: Final[Mapping[str, tuple[str, ...]]] = {
    "postgres": ("address", "edges", "tls.certificate", "tls.key"),
    "grpc": ("address", "tls.certificate", "tls.key"),
    "http": ("address", "tls.certificate", "tls.key"),
}
# Needed by the gateway, and filled in by the chart where a value leaves it out.
_FILLED: Final = ("record", "registry", "registry.directory")


def settings_schema() -> Schema:
    """A closed schema of the whole configuration, the chart's own part of it included."""
    root: Schema = {"type": "object"}
    for setting in iter_settings():
        *above, last = setting.name.split(".")
        node = root
        for part in above:
            node = node["properties"][part.removesuffix("[]")]
            node = node.get("items", node)
        made: Schema = {**_TYPES[setting.type], "description": setting.help}
        if setting.type == "list of sections":
            made["items"] = {"type": "object"}
        elif setting.default == "none" and setting.type != "section":
            made["type"] = [made["type"], "null"]
        node.setdefault("additionalProperties", False)
        node.setdefault("properties", {})[last.removesuffix("[]")] = made
        if setting.default == "required":
            node.setdefault("required", []).append(last.removesuffix("[]"))
    return root


def _drop(schema: Schema, name: str, *, only_need: bool = False) -> None:
    """Take a setting out, or only that it is needed."""
    *above, last = name.split(".")
    for part in above:
        schema = schema["properties"][part]
    if not only_need:
        del schema["properties"][last]
    needed = [one for one in schema.pop("required", []) if one != last]
    if needed:
        schema["required"] = needed


def made_schema(written: Schema) -> Schema:
    """The schema with its made parts put in."""
    made: Schema = json.loads(json.dumps(written))
    config = settings_schema()
    listeners = config["properties"]["listeners"]["properties"]
    for door, ours in _OURS_OF_DOORS.items():
        options = listeners[door].get("items", listeners[door])
        for name in ours:
            _drop(options, name)
        options["description"] = f"further settings of the {door} listener, as in sekisho.yaml"
        made["properties"]["doors"]["properties"][door]["properties"]["options"] = options
    for name in _OURS:
        _drop(config, name)
    for name in _FILLED:
        _drop(config, name, only_need=True)
    config["description"] = "sekisho.yaml: the gateway's own settings, but for what the chart sets"
    made["properties"]["config"] = config
    return made


def values_rows(schema: Schema, values: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Of each value its name, type, default and words; the gateway's own settings are in the gateway's table."""
    yield from _rows(schema, values, "")


def _rows(schema: Schema, values: Any, prefix: str) -> Iterator[tuple[str, str, str, str]]:
    for key, inner in schema.get("properties", {}).items():
        name = f"{prefix}.{key}" if prefix else key
        default = values.get(key) if isinstance(values, Mapping) else None
        if inner.get("properties") and name != "config" and not name.endswith(".options"):
            yield from _rows(inner, default, name)
        elif inner is not False and name != "global":
            kind = inner.get("type", "one of" if "enum" in inner else "")
            kind = " or ".join(kind) if isinstance(kind, list) else kind
            if "enum" in inner:
                kind = ", ".join(f"`{one}`" for one in inner["enum"])
            yield name, kind, f"`{json.dumps(default)}`", inner["description"]


def values_table() -> str:
    """The table of the chart's README."""
    schema = json.loads(SCHEMA.read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    lines = ["| value | type | default | what it is |", "| --- | --- | --- | --- |"]
    for name, *cells in values_rows(schema, values):
        lines.append("| " + " | ".join([f"`{name}`", *(cell.replace("|", "\\|") for cell in cells)]) + " |")
    return "\n".join(lines)


def made_readme(written: str) -> str:
    """The chart's README with its table."""
    found = re.compile(r"(<!-- values -->\n).*?(\n?<!-- /values -->)", flags=re.S)
    assert found.search(written), "the chart's README has no place for its values"
    return found.sub(lambda marks: marks[1] + values_table() + "\n" + marks[2].lstrip("\n"), written)


def schema_text(schema: Schema) -> str:
    """As it lies in the file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def stale(*, write: bool = False) -> list[Path]:
    """The files that are not as made; made anew where that is wanted."""
    found = []
    for file, make in _MADE.items():
        text = file.read_text()
        made = make(text)
        if made != text:
            found.append(file)
            if write:
                file.write_text(made)
    return found


_MADE: Final[Mapping[Path, Callable[[str], str]]] = {
    SCHEMA: lambda text: schema_text(made_schema(json.loads(text))),
    README: made_readme,  # from the schema
}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="make them")
    write = parser.parse_args().write
    found = stale(write=write)
    for file in found:
        print(f"{file.relative_to(ROOT)}: {'made anew' if write else 'is not as made'}")
    sys.exit(1 if found and not write else 0)


if __name__ == "__main__":
    main()
