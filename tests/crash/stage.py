"""Where it is played: a house whose gateway reaches the server through a tap, and how to start its gateway."""

from __future__ import annotations

import contextlib
import random
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from gateway.audit.hashing import StatementHash
from gateway.config_load import load
from gateway.demo.characters import Character
from gateway.demo.database import PORT, Database
from gateway.demo.relay import LOOPBACK
from gateway.demo.settings import SITES, Ports
from gateway.links.sources import hash_key
from tests.crash.clients import Crowd
from tests.crash.judge import Verdict, judge
from tests.crash.ledger import Ledger
from tests.crash.lives import Served
from tests.crash.tap import Seen, Tap
from tests.houses import House

_TTL = 24 * 3600
_PORTS = range(10_000, 20_000)


def _ports() -> Ports:
    """Where nobody else looks for any: a gateway that is killed again and again leaves its own free for moments."""
    with contextlib.ExitStack() as held:

        def free() -> int:
            for port in random.sample(_PORTS, len(_PORTS)):
                with contextlib.suppress(OSError):
                    held.enter_context(socket.create_server((LOOPBACK, port)))
                    return port
            raise RuntimeError("no port is free")

        return Ports(sites={site: free() for site in SITES}, edge=free(), grpc=free(), http=free())


class Stage:
    """Of one record. To be closed."""

    def __init__(
        self, root: Path, database: Database, record: Mapping[str, Any], since: Mapping[str, float] | None = None
    ) -> None:
        """``record``: settings of the record. ``since``: as `tests.crash.judge` takes it."""
        self._since = since
        # Without a database of its own the house looks for the server's socket in its own folder: there is the tap.
        self.house = House(root, None, {"record": record, "log_level": "warning"}, ports=_ports())
        name = f".s.PGSQL.{PORT}"
        self.tap = Tap(root / name, database.socket_directory / name, "sekisho_twin").start()
        self.config = self.house.layout.config
        self.log = root / "gateway.log"
        configuration = load(self.config, {})
        self.record = configuration.record.directory
        self._hash = StatementHash(hash_key(configuration))
        self.ledger = Ledger(self.record)
        self._tokens: dict[str, str] = {}

    def close(self) -> None:
        """Stop the tap; gateways are whoever's who started them."""
        self.tap.stop()

    def serve(self) -> Served:
        """A gateway as a user starts it."""
        return Served(self.config, self.log)

    def connect(self, who: Character) -> psycopg.Connection[Any]:
        """Through the gateway."""
        token = self._tokens.get(who.subject)
        if token is None:
            token = self._tokens[who.subject] = self.house.token(who, ttl=_TTL)
        return psycopg.connect(**self.house.parameters(who, password=token), autocommit=True)

    def judge(self, seen: Seen, crowd: Crowd, killed_at: float) -> Verdict:
        """After a gateway has ended, and everybody has noticed: what the record owes to whom."""
        crowd.join()
        deadline = time.monotonic() + 30
        while self.tap.open:  # all that the gateway had written comes through
            if time.monotonic() > deadline:
                raise RuntimeError("the tap still has connections of a gateway that is gone")
            time.sleep(0.002)
        said = self.ledger.more()
        verdict = judge(seen, crowd.asked, said, killed_at=killed_at, hashed=self._hash.of, since=self._since)
        verdict.wrong += [f"a client failed: {error!r}" for error in crowd.failures]
        return verdict
