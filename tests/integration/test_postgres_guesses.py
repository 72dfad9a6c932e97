"""Guessing passwords gets slower, whether the user exists or not; who logs in otherwise, or as another, waits for
nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from gateway.demo.characters import SATO
from gateway.demo.settings import DATASOURCE, free_port
from gateway.pgwire.scram_server import Verifier
from tests.houses import House
from tests.integration.postgres_wire import Wire, events

pytestmark = pytest.mark.integration

PASSWORD = "correct horse"


@pytest.fixture
def guarded(new_house: Callable[..., House], tmp_path: Path) -> tuple[House, int]:
    """A house with two service users, and the port where they log in."""
    names = ("svc_report", "svc_other")
    users = [f"- name: {name}\n  verifier: {Verifier.of(PASSWORD, b's' * 16).text()}\n" for name in names]
    file = tmp_path / "users.yaml"
    file.write_text("users:\n" + "".join(f"{one}  groups: [engineer]\n" for one in users))
    port = free_port()
    listener = {"address": f"127.0.0.1:{port}", "site": "tokyo-hq", "plaintext": "loopback"}
    return new_house(
        {
            "listeners": {"postgres": [{**listener, "authentication": ["token", "scram"]}]},
            "service_users": {"file": str(file)},
            "limits": {"password_delay_ms": 200, "login_timeout_ms": 4000},
        }
    ), port


def attempt(port: int, user: str, password: str = "wrong") -> tuple[str, float]:
    """What a login says, and how long it took."""
    began = time.monotonic()
    try:
        psycopg.connect(
            host="127.0.0.1", port=port, user=user, password=password, dbname=DATASOURCE, sslmode="disable"
        ).close()
    except psycopg.OperationalError as error:
        return str(error), time.monotonic() - began
    return "", time.monotonic() - began


@pytest.mark.parametrize("user", ["svc_report", "svc_nobody"])
def test_each_wrong_password_makes_the_next_one_wait_longer(guarded: tuple[House, int], user: str) -> None:
    house, port = guarded
    for wait in (0.0, 0.2, 0.4, 0.8, 1.6):
        said, took = attempt(port, user)
        assert "password authentication failed" in said
        assert took > wait - 0.05
    with Wire(port) as wire:  # 3.2 s: that is more than half of the time a login has
        wire.startup(user)
        fields = wire.fatal()
    assert (fields["C"], fields["H"]) == ("28000", "Reason: too_many_passwords")
    assert fields["M"] in [f"too many wrong passwords of this user; try again in {left} s" for left in (2, 3, 4)]
    assert events(house, "login_refused")[-1]["reason"] == "too_many_passwords"
    assert house.metric("sekisho_logins_total", method="scram", result="too_many_passwords") == 1
    assert house.metric("sekisho_logins_delayed_total") == 5

    with Wire(port) as other:
        other.startup("svc_other")
        began = time.monotonic()
        assert other.message() is not None
        assert time.monotonic() - began < 0.2, "another user is asked at once"
    with Wire(port) as other:
        other.login(house, SATO)


def test_a_right_password_makes_good(guarded: tuple[House, int]) -> None:
    _, port = guarded
    attempt(port, "svc_report")
    attempt(port, "svc_report")
    said, took = attempt(port, "svc_report", PASSWORD)
    assert (said, took > 0.35) == ("", True)
    with Wire(port) as wire:
        wire.startup("svc_report")
        began = time.monotonic()
        assert wire.message() is not None
        assert time.monotonic() - began < 0.2


def test_many_at_once_guess_no_faster(guarded: tuple[House, int]) -> None:
    _, port = guarded
    attempt(port, "svc_report")
    began = time.monotonic()
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: attempt(port, "svc_report"), range(4)))
    assert all("password authentication failed" in said for said, _ in found)
    assert time.monotonic() - began > 0.75, "one after the other"
