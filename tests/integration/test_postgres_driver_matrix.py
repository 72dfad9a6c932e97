"""Every driver through the postgres door with TLS, step by step, against the same program on a direct connection."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from gateway.errors import Reason
from tests.drivers.clients import built
from tests.drivers.dbeaver import REFUSED
from tests.drivers.stage import Play, Report, Stage, open_stage
from tests.drivers.vocabulary import DRIVERS, Driver, Step
from tests.servers import TestCa

pytestmark = [pytest.mark.integration, pytest.mark.slow]

_DENIED = (Step.DENIED_SIMPLE, Step.DENIED_PREPARED, Step.DENIED_BATCH, Step.DENIED_IN_TRANSACTION, Step.COPY)
_WORDS = ("message", "detail", "hint", "said")
Programs = Callable[[Driver], Callable[[Play], None]]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, test_ca: TestCa) -> Iterator[Stage]:
    with open_stage(tmp_path_factory.mktemp("stage"), test_ca) as opened:
        yield opened


@pytest.fixture(scope="module")
def programs() -> Iterator[Programs]:
    running: dict[str, built.Program] = {}

    def find(driver: Driver) -> Callable[[Play], None]:
        if driver.program not in built.COMMANDS:
            play: Callable[[Play], None] = importlib.import_module(f"tests.drivers.clients.{driver.program}").play
            return play
        built.require_built(driver.program)
        if driver.program in running and running[driver.program].over:
            running.pop(driver.program).close()
        if driver.program not in running:
            running[driver.program] = built.Program(driver.program)
        return running[driver.program].play

    yield find
    for one in running.values():
        one.close()


def _same(report: Report) -> Report:
    """A report without what a denial says in words of its own."""
    return {name: value for name, value in report.items() if name not in _WORDS}


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
def test_a_driver_is_told_what_it_is_told_without_a_gateway(stage: Stage, programs: Programs, driver: Driver) -> None:
    program = programs(driver)
    before = stage.reasons()
    reports, left = stage.play(stage.gateway, driver.mode, program)
    reasons = stage.reasons() - before
    try:
        natively, left_natively = stage.play(stage.direct, driver.mode, program)
    except built.Silent:  # seen once with postgres.js, where no gateway was: it is asked again what it is told without
        natively, left_natively = stage.play(stage.direct, driver.mode, programs(driver))

    assert set(reports) == set(natively) == driver.steps
    assert reports.pop(Step.TLS) == {"on": True}
    assert natively.pop(Step.TLS) == {"on": False}
    for step, report in reports.items():
        assert _same(report) == _same(natively[step]), step
    assert left == left_natively
    assert all(isinstance(found, int) for found in natively.get(Step.METADATA, {}).get("dbeaver", ()))
    for step in driver.steps & set(_DENIED):
        said = reports[step]
        if "said" in said:  # as a program shows it
            assert "access denied: " in said["said"][0]
            continue
        assert said["sqlstate"] == "42501", step
        assert said["message"].startswith("access denied: "), step
        assert "Rule: jp-appi-28 (law)" in said["detail"], step
        assert "What would help: " in said["hint"], step
    assert set(reasons) == ({Reason.POLICY_DENIED} if driver.steps & set(_DENIED) else set())


@pytest.mark.parametrize("folder", REFUSED)
def test_what_dbeaver_is_refused(stage: Stage, folder: str) -> None:
    asked: tuple[Any, str] = REFUSED[folder]
    text, why = asked
    with psycopg.connect(**stage.direct.libpq()) as natively:
        natively.execute(text)
    before = stage.reasons()
    with psycopg.connect(**stage.gateway.libpq(), autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=why):
            connection.execute(text)
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert stage.reasons() - before == {Reason.STATEMENT_INCOMPLETE: 1}
