"""The registry at size: a million entities with half a million holdings, 100 000 columns, 50 000 networks."""

from __future__ import annotations

import csv
import ipaddress
import random
import resource
import string
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from gateway.facts.bulk import Bulk, read_bulk
from gateway.facts.chain import find_chain
from gateway.facts.collecting import uncollected
from gateway.facts.control import OwnershipTest
from gateway.facts.fields import Problems
from gateway.facts.registry import Registry, load_registry
from gateway.model import (
    ColumnUse,
    ColumnUseKind,
    Country,
    DatasourceId,
    EntityId,
    Peer,
    Principal,
    StatementEffect,
    StatementFacts,
)
from tests.bench.figures import Spread, Table, ratio, shown, timed
from tests.leis import with_check_digits

ENTITIES = 1_000_000
HOLDINGS = 500_000
TABLES, COLUMNS = 5_000, 20
NETWORKS = 50_000
COUNTRIES = "JP US CN KR DE GB FR SG HK LU KY VG".split()
WHOLE = "whole"
CHAIN = "employer and chain, known"
_BASE = "their rows, split by csv alone"
TEST = OwnershipTest(id="test", countries=frozenset(map(Country, ("CN", "HK"))), share=50)
T = TypeVar("T")
_DAY = 20_000  # 2024-10-04
_AT = _DAY * 86_400


def tables(*, seconds: float) -> list[Table]:
    """Loading, and looking up."""
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-") as name:
        folder = Path(name)
        leis = write(folder)
        loading: dict[str, tuple[float, float]] = {}
        _once(
            loading, _BASE, lambda: sum(1 for name in ("entities", "ownership") for _ in _rows(folder / f"{name}.csv"))
        )
        _once(loading, "entities and holdings alone", lambda: _bulk(folder))
        registry = _once(loading, WHOLE, lambda: load_registry(folder).tested((TEST,)))
        people = folder / "people.yaml"
        people.write_text(people.read_text().replace("Ann", "Anna"))
        _once(loading, "again, people.yaml changed", lambda: load_registry(folder, registry))
        for lei in leis[:2000]:
            registry.controls.ask(TEST.id, EntityId(lei), _DAY)
        _change_one(folder / "ownership.csv")
        changed = _once(loading, "again, one holding changed", lambda: load_registry(folder, registry))
        kept = f"{len(changed.controls):,} of {len(registry.controls):,} answers about ownership were kept"
        _once(loading, "blocks.yaml alone", lambda: changed.with_blocks(b"blocks: [{id: stop, country: KY}]\n"))
        return [_loading(loading, kept), _lookups(registry, leis, seconds)]


def _bulk(folder: Path) -> Bulk:
    with uncollected():
        return read_bulk((folder / "entities.csv").read_bytes(), (folder / "ownership.csv").read_bytes(), Problems())


def _rows(path: Path) -> Iterator[list[str]]:
    with path.open(newline="") as stream:
        yield from csv.reader(stream)


def _once(found: dict[str, tuple[float, float]], name: str, call: Callable[[], T]) -> T:
    began, cpu = time.perf_counter(), time.process_time()
    result = call()
    found[name] = (time.perf_counter() - began, time.process_time() - cpu)
    return result


def _loading(found: dict[str, tuple[float, float]], note: str) -> Table:
    base = found[_BASE][1]
    return Table(
        name="registry-load",
        title=f"Loading a registry of {ENTITIES:,} entities, {TABLES * COLUMNS:,} columns, {NETWORKS:,} networks",
        columns=("what", "seconds", "CPU s", "x csv alone"),
        rows=tuple(
            (name, *(shown(one, "{:.3f}") for one in both), shown(ratio(both[1], base))) for name, both in found.items()
        ),
        data=tuple(
            {"way": "gateway", "what": name, "seconds": wall, "cpu_seconds": cpu, "to_csv": ratio(cpu, base)}
            for name, (wall, cpu) in found.items()
        ),
        notes=(note, f"{_memory_mb():,.0f} MB of memory at the most, the former registry and its lists included"),
    )


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _lookups(registry: Registry, leis: list[str], seconds: float) -> Table:
    pick = random.Random(7)
    some = [EntityId(pick.choice(leis)) for _ in range(20_000)]
    addresses = [str(ipaddress.IPv4Address((10 << 24) + pick.randrange(NETWORKS) * 256 + 7)) for _ in range(20_000)]
    ann = Principal(issuer="https://i", subject="ann", database_user="ann", expires_at=_AT)
    entities, controls = registry.entities, registry.controls
    statement = StatementFacts(
        kind="select",
        effect=StatementEffect.READ,
        complete=True,
        relations=("public.t77",),
        columns=tuple(
            ColumnUse(relation="public.t77", column=f"c{number}", use=ColumnUseKind.OUTPUT) for number in range(5)
        ),
    )
    calls: dict[str, Callable[[int], object]] = {
        "an entity": lambda n: entities.by_id[some[n]],
        "is it held? first time": lambda n: controls.ask(TEST.id, some[n], _DAY + n),
        "is it held? known": lambda n: controls.ask(TEST.id, some[0], _DAY),
        "a chain, first time": lambda n: find_chain(entities, EntityId("shop"), EntityId("helper"), _DAY),
        CHAIN: lambda n: registry.employer(ann, EntityId("shop"), _AT),
        "a location by its network": lambda n: registry.location(Peer(address=addresses[n]), ann, _AT, 0),
        "the labels of five columns": lambda n: registry.data(DatasourceId("shop"), statement, _AT),
    }
    measured: dict[str, Spread] = {name: timed(call, seconds=seconds / 2) for name, call in calls.items()}
    return Table(
        name="registry-lookup",
        title="Looking up in it, in microseconds",
        columns=("what", "p50 us", "p99 us"),
        rows=tuple((name, shown(one.p50), shown(one.p99)) for name, one in measured.items()),
        data=tuple({"way": "gateway", "what": name, **one.data()} for name, one in measured.items()),
    )


def _base36(number: int, signs: str) -> str:
    return "".join(signs[number // 36**place % 36] for place in range(6))


def _change_one(path: Path) -> None:
    text = path.read_text()
    line = text.splitlines()[1]
    owner, of, *rest = line.split(",")
    path.write_text(text.replace(line, ",".join((owner, of, "50" if rest[0] != "50" else "49", *rest[1:])), 1))


def write(folder: Path) -> list[str]:
    """A registry folder of that size; the LEIs in it."""
    pick = random.Random(1)
    # Of the form that real ones have: a register's four, two zeros, letters and digits.
    signs = string.ascii_uppercase + string.digits
    leis = [with_check_digits(f"549300{_base36(number, signs)}{number % 7:06d}") for number in range(ENTITIES)]
    with (folder / "entities.csv").open("w") as file:
        file.write("lei,name,country,headquarters,status,owners_unknown\n")
        for number, lei in enumerate(leis):
            country = pick.choice(COUNTRIES)
            file.write(f"{lei},Company {number},{country},{country},ISSUED,{'' if number % 3 else 'NON_PUBLIC'}\n")
    with (folder / "ownership.csv").open("w") as file:
        file.write("owner,of,share,from,to,basis\n")
        for number in range(1, 2 * HOLDINGS, 2):
            owner = leis[pick.randrange(max(0, number - 5000), number)]
            share = pick.choice(["", "50", "60", "100", "25.5"])
            since = f"20{pick.randrange(10, 24)}-0{pick.randrange(1, 10)}-1{pick.randrange(10)}"
            file.write(f"{owner},{leis[number]},{share},{since},,{'' if share else 'consolidation'}\n")
    (folder / "entities.yaml").write_text(
        "entities:\n  - {id: shop, name: Shop, country: JP}\n  - {id: helper, name: Helper, country: KR}\n"
        "contracts:\n  - {id: c1, principal: shop, contractor: helper, purpose: support, subcontractors: none}\n"
    )
    (folder / "people.yaml").write_text(
        "people:\n  - {issuer: https://i, subject: ann, name: Ann, employments: [{entity: helper}]}\n"
    )
    cidrs = ", ".join(f"{ipaddress.IPv4Address((10 << 24) + number * 256)}/24" for number in range(NETWORKS))
    (folder / "networks.yaml").write_text(
        f"sites:\n  - {{id: s, country: JP, kind: office, direct: true, cidrs: [{cidrs}]}}\n"
    )
    columns = ", ".join(f"c{number}: [user.name]" for number in range(COLUMNS))
    tables = "".join(
        f"      public.t{number}: {{subject_countries: [JP], columns: {{{columns}}}}}\n" for number in range(TABLES)
    )
    (folder / "catalog.yaml").write_text(
        f"datasources:\n  - id: shop\n    storage_countries: [JP]\n    controller: shop\n    tables:\n{tables}"
    )
    return leis
