"""A login: token, user, profile, role at the server, record; and nothing left where one of them fails."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.demo.characters import SATO, WANG, Character
from gateway.demo.database import Database
from gateway.doors.pg_login import LoggedIn, log_in
from gateway.doors.postgres import PostgresDoor, nonce
from gateway.errors import AuthenticationError, Reason, RecordUnavailable, SekishoError
from gateway.links.server import Credentials, ServerAddress
from gateway.metrics import LoginMethod
from gateway.model import Peer
from gateway.pgwire.startup import StartupRequest
from gateway.strictness import Strictness
from tests.houses import House
from tests.integration.postgres_wire import events, until

PEER = Peer(address="192.0.2.7", via_edge=True)


def request(user: str = "sato", database: str = "messenger", **settings: str) -> StartupRequest:
    return StartupRequest(user=user, database=database, minor=0, settings=tuple(settings.items()), unknown_options=())


def doorway(house: House, messenger: Database) -> PostgresDoor:
    """A door of the house's desk, as the application makes it."""
    assert house.application is not None
    address = ServerAddress(
        host=str(messenger.socket_directory),
        port=5432,
        database="messenger",
        trust=None,
        connect_timeout=5.0,
    )
    roles = {name: Credentials(user=f"sekisho_{name}", password=None) for name in ("engineer", "moderator")}
    return PostgresDoor(
        house.application.desk,
        addresses={"messenger": address},
        credentials={("messenger", name): role for name, role in roles.items()},
        strictness=lambda name: Strictness(strict=False),
    )


def on_loop(house: House, work: Any) -> Any:
    assert house._loop is not None
    return asyncio.run_coroutine_threadsafe(work, house._loop).result(10)


async def _log_in_and_out(door: PostgresDoor, token: str, asked: StartupRequest) -> LoggedIn:
    login = await log_in(door, door.desk.verify_token(token), LoginMethod.TOKEN, asked, PEER)
    login.server.end()
    return login


@pytest.mark.parametrize(("who", "profile"), [(SATO, "engineer"), (WANG, "moderator")])
def test_who_gets_which_role(house: House, messenger: Database, who: Character, profile: str):
    login = on_loop(
        house,
        _log_in_and_out(
            doorway(house, messenger), house.token(who), request(who.subject, application_name="test of logins")
        ),
    )
    assert (login.profile, login.datasource, login.principal.subject) == (profile, "messenger", who.subject)
    assert login.server.settings["session_authorization"] == f"sekisho_{profile}"
    assert login.server.settings["application_name"] == "test of logins"
    entry = next(one for one in events(house, "session_open") if one["session"] == login.session)
    assert (entry["profile"], entry["principal_id"]) == (profile, login.principal.id)
    assert entry["peer"] == {"address": "192.0.2.7", "site": None, "via_edge": True}
    assert entry["attribution"] == {"application_name": "test of logins"}
    assert entry["method"] == "token"


def test_pinned_settings_are_the_servers(house: House, messenger: Database):
    login = on_loop(
        house, _log_in_and_out(doorway(house, messenger), house.token(SATO), request(timezone="Asia/Tokyo"))
    )
    found = login.server.settings
    assert (found["client_encoding"], found["standard_conforming_strings"]) == ("UTF8", "on")
    assert found["search_path"] == '"public", pg_temp'
    assert found["TimeZone"] == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (request("li"), Reason.USER_MISMATCH),
        (request("sato", "template1"), Reason.DATASOURCE_UNKNOWN),
        (request("SATO"), Reason.USER_MISMATCH),
        (request("sato\u200b"), Reason.USER_MISMATCH),
    ],
)
def test_refused_before_the_server_hears_of_it(
    house: House, messenger: Database, asked: StartupRequest, reason: Reason
):
    door = doorway(house, messenger)
    door.addresses = {"messenger": replace(door.addresses["messenger"], host="/nowhere")}
    with pytest.raises(AuthenticationError) as caught:
        on_loop(house, log_in(door, door.desk.verify_token(house.token(SATO)), LoginMethod.TOKEN, asked, PEER))
    assert caught.value.reason is reason


def test_a_login_that_cannot_be_recorded_leaves_no_connection(
    house: House, messenger: Database, monkeypatch: pytest.MonkeyPatch
):
    assert house.application is not None

    def full(*_: object) -> bool:
        raise RecordUnavailable(Reason.RECORD_UNAVAILABLE, "no room")

    name = f"test {nonce()}"
    monkeypatch.setattr(house.application.desk.recorder, "append", full)
    with pytest.raises(SekishoError) as caught:
        on_loop(house, _log_in_and_out(doorway(house, messenger), house.token(SATO), request(application_name=name)))
    assert caught.value.reason is Reason.RECORD_UNAVAILABLE
    with messenger.connect() as admin:
        gone = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
        until(lambda: admin.execute(gone, (name,)).fetchone() == (0,))
