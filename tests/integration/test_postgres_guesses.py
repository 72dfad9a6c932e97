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
def guarded(new_house: Callable[..., House], tmp_path: Path) -> Callable[..., tuple[House, int]]:
    """Makes a house with two service users; and the port where they log in."""
    names = ("svc_report", "svc_other")
    users = [f"- name: {name}\n  verifier: {Verifier.of(PASSWORD, b's' * 16).text()}\n" for name in names]
    file = tmp_path / "users.yaml"
    file.write_text("users:\n" + "".join(f"{one}  groups: [engineer]\n" for one in users))

    def make(**limits: int) -> tuple[House, int]:
        port = free_port()
        listener = {"address": f"127.0.0.1:{port}", "site": "tokyo-hq", "plaintext": "loopback"}
        return new_house(
            {
                "listeners": {"postgres": [{**listener, "authentication": ["token", "scram"]}]},
                "service_users": {"file": str(file)},
                "limits": limits,
            }
        ), port

    return make


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
def test_each_wrong_password_makes_the_next_one_wait_longer(
    guarded: Callable[..., tuple[House, int]], user: str
) -> None:
    house, port = guarded(guess_delay_ms=200)
    for wait in (0.0, 0.2, 0.4, 0.8):
        said, took = attempt(port, user)
        assert "password authentication failed" in said
        assert took > wait - 0.05
    assert house.metric("sekisho_logins_delayed_total") == 3


@pytest.mark.parametrize("user", ["svc_report", "svc_nobody"])
def test_whoever_would_wait_too_long_is_refused(guarded: Callable[..., tuple[House, int]], user: str) -> None:
    house, port = guarded(guess_delay_ms=30_000)
    attempt(port, user)
    with Wire(port) as wire:
        wire.startup(user)
        fields = wire.fatal()
    assert (fields["C"], fields["H"]) == ("28000", "Reason: too_many_passwords")
    assert fields["M"].startswith("too many wrong passwords of this user; try again in ")
    assert events(house, "login_refused")[-1]["reason"] == "too_many_passwords"
    assert house.metric("sekisho_logins_total", method="scram", result="too_many_passwords") == 1
    assert house.metric("sekisho_logins_delayed_total") == 1
    assert "password authentication failed" in attempt(port, "svc_other")[0], "another user is asked"
    with Wire(port) as other:
        other.login(house, SATO)
    assert house.metric("sekisho_logins_delayed_total") == 1


def test_a_right_password_makes_good(guarded: Callable[..., tuple[House, int]]) -> None:
    house, port = guarded(guess_delay_ms=200)
    attempt(port, "svc_report")
    attempt(port, "svc_report")
    said, took = attempt(port, "svc_report", PASSWORD)
    assert (said, took > 0.35) == ("", True)
    assert attempt(port, "svc_report", PASSWORD)[0] == ""
    assert house.metric("sekisho_logins_delayed_total") == 2


def test_many_at_once_guess_no_faster(guarded: Callable[..., tuple[House, int]]) -> None:
    _, port = guarded(guess_delay_ms=200)
    attempt(port, "svc_report")
    began = time.monotonic()
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: attempt(port, "svc_report"), range(4)))
    assert all("password authentication failed" in said for said, _ in found)
    assert time.monotonic() - began > 0.75, "one after the other"
