"""One person in two countries within minutes, through two doors: sessions already open are looked at again."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from gateway.demo.characters import MORI, SATO
from gateway.demo.database import Database
from gateway.demo.settings import DATASOURCE, addresses
from tests.houses import House

pytestmark = pytest.mark.integration
NAMES = "SELECT name FROM users WHERE id = 7"
PREPARED = "SELECT name FROM users WHERE id = %s"


def over_http(house: House, address: str) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{house.http}/v1/authorize",
        data=json.dumps({"datasource": DATASOURCE, "statement": {"sql": NAMES}, "address": address}).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {house.token(MORI)}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        with error:
            return dict(json.load(error))


@pytest.mark.parametrize("strict", [False, True])
def test_a_second_country_reaches_what_is_open_already(
    messenger: Database, new_house: Callable[..., House], strict: bool
) -> None:
    with messenger.connect() as admin:
        for role in ("sekisho_engineer", "sekisho_moderator"):  # which a strict gateway asks for
            admin.execute(f"ALTER ROLE {role} SET log_min_messages = panic")  # type: ignore[arg-type]
    house = new_house(strict=strict)
    places = addresses(house.layout.registry)
    with house.connect(MORI, site="tokyo-hq") as tokyo, house.connect(SATO, site="tokyo-hq") as other:
        for _ in range(3):
            assert tokyo.execute(NAMES).fetchone() is not None
            assert tokyo.execute(PREPARED, (7,), prepare=True).fetchone() is not None
        assert over_http(house, places["tokyo-hq"])["effect"] == "allow"

        answer = over_http(house, places["seoul-office"])
        assert answer["effect"] == "deny"
        assert [one["fact"] for one in answer["findings"]] == ["location.conflict"]

        for sql, values in ((NAMES, ()), (PREPARED, (7,))):
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as denied:
                tokyo.execute(sql, values)  # type: ignore[call-overload]
            said = f"{denied.value.diag.message_primary} {denied.value.diag.message_detail}"
            assert "JP, KR" in said
            assert "within 10 minutes the same person was also in KR" in said
        assert tokyo.execute("SELECT count(*) FROM stickers").fetchone() is not None, "nobody's data needs no place"
        assert other.execute(NAMES).fetchone() is not None, "nobody else is concerned"

    entry = next(
        one
        for one in reversed(house.entries("decision"))
        if one["statement"]["relations"] == ["public.users"] and one["person"] == "Mori Kenta"
    )
    assert entry["location"]["countries"] == ["JP", "KR"]
    assert entry["location"]["simultaneous"] is True
    assert entry["location"]["conflict"] is True
    assert set(entry["origin"]) == {"JP", "KR"}


def test_a_login_alone_is_seen(new_house: Callable[..., House]) -> None:
    house = new_house()
    with house.connect(MORI, site="tokyo-hq") as tokyo:
        assert tokyo.execute(NAMES).fetchone() is not None
        house.connect(MORI, site="seoul-office").close()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            tokyo.execute(NAMES)
