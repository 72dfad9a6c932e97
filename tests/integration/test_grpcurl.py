"""grpcurl at the gRPC door: by the contract's own file, and by reflection where that is switched on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.servers import require_tool
from tests.unit.doors.test_grpc import run, served

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
CONTRACT = ("-import-path", "proto", "-proto", "sekisho/v1/access.proto")
CALL = "sekisho.v1.AccessService/Authorize"


async def grpcurl(*arguments: str) -> tuple[int, str, str]:
    """Exit code, what it said, and what it complained of."""
    running = await asyncio.create_subprocess_exec(
        str(require_tool("grpcurl")), "-plaintext", *arguments, cwd=ROOT, stdout=-1, stderr=-1
    )
    told, wrong = await running.communicate()
    return running.returncode or 0, told.decode(), wrong.decode()


def question(sql: str) -> tuple[str, ...]:
    document: dict[str, Any] = {"datasource": "messenger", "statement": {"sql": sql}}
    return "-d", json.dumps(document)


def test_it_asks_by_the_contracts_own_file() -> None:
    async def main() -> None:
        async with served() as it:
            good = ("-H", "authorization: Bearer good")
            code, told, wrong = await grpcurl(*CONTRACT, *good, *question("select 1"), it.door.address, CALL)
            assert (code, json.loads(told)["effect"], json.loads(told)["reason"]) == (0, "EFFECT_ALLOW", "allowed"), (
                wrong
            )
            code, told, wrong = await grpcurl(*CONTRACT, *good, *question("select phone"), it.door.address, CALL)
            assert (code, json.loads(told)["effect"]) == (0, "EFFECT_DENY"), wrong
            bad = ("-H", "authorization: Bearer bad")
            code, told, wrong = await grpcurl(*CONTRACT, *bad, *question("select 1"), it.door.address, CALL)
            assert (code != 0, told, "Unauthenticated" in wrong, "the token has expired" in wrong) == (
                True,
                "",
                True,
                True,
            ), wrong
            code, told, wrong = await grpcurl(it.door.address, "list")
            assert (code != 0, told, "does not support the reflection API" in wrong) == (True, "", True), wrong

    run(main)


def test_it_finds_the_contract_by_reflection_where_that_is_on() -> None:
    async def main() -> None:
        async with served(reflection=True) as it:
            code, told, wrong = await grpcurl(it.door.address, "list")
            assert (code, "sekisho.v1.AccessService" in told.splitlines()) == (0, True), wrong
            good = ("-H", "authorization: Bearer good")
            code, told, wrong = await grpcurl(*good, *question("select 1"), it.door.address, CALL)
            assert (code, json.loads(told)["reason"]) == (0, "allowed"), wrong

    run(main)
