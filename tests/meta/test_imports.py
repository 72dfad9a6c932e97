"""Imports go one way, siblings leave each other alone, and what must be pure touches no clock, socket or chance.

This is the house's plan as a test: a room that is not in ORDER fails until someone decides where it stands.
"""

from __future__ import annotations

import ast

import pytest

from tests.meta.tree import Import, Module, imports, modules, room_of

# Left to right; a room imports from its own group or from groups before it.
ORDER: tuple[tuple[str, ...], ...] = (
    (
        "errors",
        "words",
        "who",
        "told",
        "model",
        "inquiry",
        "naming",
        "search_path",
        "config_setting",
        "config_services",
        "yaml_text",
        "config",
        "config_draft",
        "config_http",
        "config_logins",
        "config_policy",
        "config_record",
        "config_routes",
        "config_sinks",
        "config_sink_rules",
        "config_telemetry",
        "config_volume",
        "config_rules",
        "config_load",
        "logs",
        "counts",
        "metrics",
        "border_metrics",
        "record_metrics",
        "datasource_metrics",
        "metric_labels",
        "sink_metrics",
        "injection_metrics",
        "tallies",
        "trace_context",
        "trace_metrics",
        "tracing",
        "gathered",
    ),
    ("facts", "sql", "policy", "audit", "pgwire", "injector", "routes"),
    (
        "explain",
        "circumstances",
        "reading",
        "reuse",
        "needs",
        "nearest",
        "narrow",
        "strictness",
        "understand",
        "rations",
        "outcomes",
        "readers",
        "authorize",
    ),
    ("links", "reports"),
    ("doors",),
    ("client",),
    ("world",),
    ("carry",),
    ("app", "app_twins", "worker", "supervisor"),
    (
        "check",
        "demo",
        "draft",
        "label_check",
        "provision",
        "console",
        "operators",
        "asking",
        "sink_report",
        "whois",
        "whois_text",
        "registry_summary",
    ),
    (
        "cli_reading",
        "cli_query",
        "cli_tail",
        "cli_audit",
        "cli_keep",
        "cli_reveal",
        "cli_blocks",
        "cli_bundle",
        "cli_catalog",
        "cli_policy",
        "cli_registry",
        "cli_sinks",
        "cli_inject",
    ),
    ("cli",),
    ("__main__",),
)
RANK = {room: rank for rank, group in enumerate(ORDER) for room in group}
SIBLINGS = frozenset(ORDER[1])
PURE_UP_TO = RANK["authorize"]

# Modules that reach out of the process, or tell the time, or throw dice.
IMPURE = frozenset(
    "asyncio concurrent flask grpc http multiprocessing psycopg random secrets select selectors signal socket "
    "socketserver ssl subprocess sched tempfile time urllib.request uuid uvloop waitress".split()
)
# Calls and attributes that do the same from modules that are otherwise harmless.
IMPURE_NAMES = frozenset(
    "os.environ os.getenv os.urandom os.getrandom datetime.now datetime.utcnow datetime.today date.today "
    "datetime.datetime.now datetime.datetime.utcnow datetime.date.today".split()
)
# What DESIGN.md allows, by module: each exception with its reason.
ALLOWED: dict[str, tuple[frozenset[str], str]] = {}
# Reads and writes files; everything else left of `authorize` gets values.
MAY_USE_FILES = frozenset({"audit", "facts", "policy", "config", "config_load", "config_rules"})
FILES = frozenset({"os", "shutil", "io", "fcntl", "mmap", "glob"})


def _id(module: Module) -> str:
    return module.name


def _own(module: Module) -> list[Import]:
    return [found for found in imports(module) if found.name == "gateway" or found.name.startswith("gateway.")]


def test_every_room_has_its_place_in_the_order():
    rooms = {module.room for module in modules()} - {""}
    assert rooms <= RANK.keys(), f"not in ORDER: {sorted(rooms - RANK.keys())}"


@pytest.mark.parametrize("module", modules(), ids=_id)
def test_imports_go_one_way(module):
    wrong = []
    for found in _own(module):
        room = room_of(found.name)
        if module.room == "":
            wrong.append(f"line {found.line}: the package itself imports nothing, found {found.name}")
        elif room and RANK[room] > RANK[module.room]:
            wrong.append(f"line {found.line}: {module.room} <- {found.name}")
        elif room != module.room and {room, module.room} <= SIBLINGS:
            wrong.append(f"line {found.line}: siblings, {module.room} and {found.name}")
    assert not wrong, "\n".join(wrong)


def test_no_module_imports_itself_by_a_detour():
    names = {module.name for module in modules()}
    graph = {
        module.name: {
            target
            for found in _own(module)
            if not found.typing_only and (target := _module_of(found.name, names)) != "gateway"
        }
        for module in modules()
    }
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        if name not in done:
            for target in sorted(graph[name]):
                visit(target, (*way, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def _module_of(name: str, names: set[str]) -> str:
    """``gateway.model.Door`` -> ``gateway.model``."""
    while name and name not in names:
        name = name.rpartition(".")[0]
    return name


PURE = [module for module in modules() if module.room in RANK and RANK[module.room] <= PURE_UP_TO]


@pytest.mark.parametrize("module", PURE, ids=_id)
def test_left_of_authorize_nothing_reaches_out(module):
    allowed, _ = ALLOWED.get(module.name, (frozenset(), ""))
    wrong = [
        f"line {found.line}: {found.name}"
        for found in imports(module)
        for impure in IMPURE - allowed
        if found.name == impure or found.name.startswith(f"{impure}.")
    ]
    wrong += [f"line {line}: {name}" for name, line in _dotted_names(module) if name in IMPURE_NAMES - allowed]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("module", [m for m in PURE if m.room not in MAY_USE_FILES], ids=_id)
def test_files_are_for_the_loaders_and_the_record(module):
    wrong = [f"line {found.line}: {found.name}" for found in imports(module) if found.name.split(".")[0] in FILES]
    wrong += [
        f"line {node.lineno}: open()"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
    ]
    assert not wrong, "\n".join(wrong)


def test_every_exception_is_still_needed():
    by_name = {module.name: module for module in modules()}
    for name, (allowed, reason) in ALLOWED.items():
        assert reason
        used = {found.name for found in imports(by_name[name])} | {dotted for dotted, _ in _dotted_names(by_name[name])}
        for impure in allowed:
            assert any(item == impure or item.startswith(f"{impure}.") for item in used), f"{name}: {impure}"


def test_the_parser_library_has_one_importer():
    importers = {m.name for m in modules() for found in imports(m) if found.name.split(".")[0] == "pgparse"}
    assert importers <= {"gateway.sql.gate"}


def _dotted_names(module: Module) -> list[tuple[str, int]]:
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute):
            text = ast.unparse(node)
            if text.replace(".", "").replace("_", "").isalnum():
                found.append((text, node.lineno))
    # `from os import environ`
    return found + [(item.name, item.line) for item in imports(module)]
