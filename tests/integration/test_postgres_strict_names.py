"""PREPARE, EXECUTE, DECLARE, FETCH and their kin over a strict datasource: the same scenes, the same answers."""

from __future__ import annotations

import pytest

from tests.houses import House
from tests.integration.test_postgres_names import *  # noqa: F403


@pytest.fixture(scope="session")
def house(strict_house: House) -> House:
    return strict_house
