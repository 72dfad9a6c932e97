"""The contract: every obligation, through every door. Carried out, handed to a caller who says it can, or denied."""

from __future__ import annotations

import json
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
import yaml

from gateway.demo.characters import SATO
from gateway.demo.database import Database
from gateway.demo.settings import DATASOURCE, addresses
from gateway.doors._generated.sekisho.v1 import access_pb2, access_pb2_grpc
from tests.houses import House
from tests.integration.test_postgres_narrowed import policies, registry
from tests.worlds import REGISTRY

pytestmark = pytest.mark.integration


def mask(relation: str, column: str, method: str) -> dict[str, Any]:
    return {"kind": "mask", "relation": relation, "column": column, "method": method}


# obligation, statement that owes it, what the postgres door shows (None: it denies)
CASES: tuple[tuple[dict[str, Any], str, str | None], ...] = (
    (mask("public.users", "name", "null"), "SELECT name FROM users WHERE id = 1", "None"),
    (mask("public.users", "country", "constant"), "SELECT country FROM users WHERE id = 1", "***"),
    (mask("public.users", "phone", "partial"), "SELECT left(phone, 3) FROM users WHERE id = 1", "***"),
    (mask("public.users", "email", "domain"), "SELECT strpos(email, '@') FROM users WHERE id = 1", "0"),
    (
        mask("public.users", "created_at", "year"),
        "SELECT extract(doy FROM created_at AT TIME ZONE 'UTC') FROM users WHERE id = 1",
        "1",
    ),
    (mask("public.payments", "amount", "bucket"), "SELECT mod(amount, 10) FROM payments WHERE id = 1", "0.00"),
    (mask("public.payments", "currency", "bucket"), "SELECT currency FROM payments WHERE id = 1", None),
    (mask("public.payments", "method", "sparkle"), "SELECT method FROM payments WHERE id = 1", None),
    (
        {"kind": "row_filter", "relation": "public.messages", "predicate": "none_of_them"},
        "SELECT count(*) FROM messages",
        "0",
    ),
    (
        {"kind": "row_filter", "relation": "public.timeline_images", "predicate": "nobody_wrote_it"},
        "SELECT count(*) FROM timeline_images",
        None,
    ),
    (
        {"kind": "subject_countries", "relation": "public.regions", "column": "code", "countries": ["KR"]},
        "SELECT code FROM regions ORDER BY code LIMIT 2",
        "KR",
    ),
    ({"kind": "row_limit", "rows": 0}, "SELECT name FROM stickers", "no rows"),
    ({"kind": "approval", "by": "privacy"}, "SELECT id FROM health_consultations", None),
)
IDS = [f"{case[0].get('method') or case[0].get('predicate') or case[0]['kind']}-{case[1][7:12]}" for case in CASES]
KNOWN = ("mask", "row_filter", "row_limit", "subject_countries")


def rego(case: tuple[dict[str, Any], str, str | None]) -> str:
    """A rule that asks for the obligation wherever the statement's own column or table is read."""
    obligation, sql, _ = case
    table = sql.split(" FROM ")[-1].split(" ")[0]
    column = obligation.get("column")
    when = (
        f'some c in input.data.columns\n\tc.relation == "public.{table}"\n\tc.column == "{column}"\n\tc.use == "output"'
        if column
        else f'"public.{table}" in input.statement.relations'
    )
    return f"\nobligations contains {json.dumps({'rule': 'house-trip-mask', **obligation})} if {{\n\t{when}\n}}\n"


@pytest.fixture(scope="module")
def contract(messenger: Database) -> Iterator[House]:
    with tempfile.TemporaryDirectory(prefix="sekisho-contract-") as directory:
        folder = Path(directory)
        people = registry(folder)
        catalog = people / "catalog.yaml"
        document = yaml.safe_load(catalog.read_text())
        (source,) = document["datasources"]
        source["row_filters"]["none_of_them"] = "body IS NULL"
        source["tables"]["public.regions"] = {
            "subject_country_column": "code",
            "subject_countries": ["JP", "KR"],
            "columns": {"code": [], "name": []},
        }
        catalog.write_text(yaml.safe_dump(document))
        rules = str(policies(folder, "".join(map(rego, CASES))))
        settings = {"policy": {"directory": rules}, "registry": {"directory": str(people), "delivery": "edited"}}
        (folder / "house").mkdir()
        house = House(folder / "house", messenger, settings).start()
        yield house
        house.stop()


@pytest.fixture(scope="module")
def tokyo() -> str:
    return addresses(REGISTRY)["tokyo-hq"]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_postgres_door_carries_it_out_or_denies(
    contract: House, case: tuple[dict[str, Any], str, str | None]
) -> None:
    _, sql, shown = case
    with contract.connect(SATO) as connection:
        if shown is None:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="allowed only with"):
                connection.execute(sql)
            return
        row = connection.execute(sql).fetchone()
        assert ("no rows" if row is None else str(row[0])) == shown


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_other_doors_hand_it_on_or_deny(
    contract: House, tokyo: str, case: tuple[dict[str, Any], str, str | None]
) -> None:
    obligation, sql, _ = case
    kind, known = obligation["kind"], obligation["kind"] in KNOWN and obligation.get("method") != "sparkle"
    for supports in ((), KNOWN, tuple(set(KNOWN) - {kind})):
        able = known and kind in supports
        http, rpc = over_http(contract, tokyo, sql, supports), over_grpc(contract, tokyo, sql, supports)
        assert http["effect"] == ("allow" if able else "deny")
        assert rpc.effect == (access_pb2.EFFECT_ALLOW if able else access_pb2.EFFECT_DENY)
        assert http["reason"] == rpc.reason == ("allowed" if able else "obligation_unsupported")
        if able:
            assert http["obligations"] == [obligation]
            assert len(rpc.obligations) == 1


def over_http(house: House, address: str, sql: str, supports: tuple[str, ...]) -> Mapping[str, Any]:
    body = {"datasource": DATASOURCE, "statement": {"sql": sql}, "address": address, "supported_obligations": supports}
    request = urllib.request.Request(
        f"{house.http}/v1/authorize",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {house.token(SATO)}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return json.load(error)


def over_grpc(house: House, address: str, sql: str, supports: tuple[str, ...]) -> access_pb2.AuthorizeResponse:
    with grpc.insecure_channel(f"127.0.0.1:{house.ports.grpc}") as channel:
        request = access_pb2.AuthorizeRequest(
            token=house.token(SATO),
            datasource=DATASOURCE,
            statement=access_pb2.Statement(sql=sql),
            address=address,
            supported_obligations=[f"OBLIGATION_KIND_{one.upper()}" for one in supports],
        )
        return access_pb2_grpc.AccessServiceStub(channel).Authorize(request, timeout=10)
