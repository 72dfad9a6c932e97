"""The doors beside the postgres door: those that are configured, and an address in use is a problem told."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.config import HttpListener, Listeners
from gateway.doors.opened import open_document_doors
from gateway.errors import ConfigError
from tests.unit.doors.test_requests import ScriptedDesk


def open_all(listeners: Listeners) -> list[str]:
    """Open and close them; whose certificates were to be watched."""
    watched: list[str] = []
    desk: Any = ScriptedDesk()
    desk.config = SimpleNamespace(listeners=listeners, routes=(), record=SimpleNamespace(directory=None))

    async def work() -> None:
        async with AsyncExitStack() as closing:
            nobody = cast(Any, None)
            await open_document_doors(
                desk, nobody, closing, shared=False, watch=lambda use, kept: watched.append(use), drain=list
            )

    asyncio.run(work())
    return watched


def test_what_is_not_configured_is_not_opened() -> None:
    assert open_all(Listeners()) == []
    assert open_all(Listeners(http=HttpListener(address="127.0.0.1:0"))) == ["http"]


def test_an_address_in_use_is_a_problem_with_its_place() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigError, match=r"listeners\.http"):
            open_all(Listeners(http=HttpListener(address=address)))
