"""One server and one gateway for all programs, reached both ways: directly over TCP, and through the door with TLS.

The same statements run as the same role; a program that is played both ways must be told the same and leave the same
behind, but for the words of a denial.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.demo.characters import LI
from gateway.demo.database import DATABASE
from gateway.demo.sample import tables
from gateway.demo.serving import await_ready, serve
from gateway.demo.settings import DATASOURCE, free_port
from gateway.errors import Reason
from tests.drivers.vocabulary import STATEMENTS, Step, Target
from tests.houses import House
from tests.majors import serving
from tests.servers import ROOT, Postgres, TestCa

ROLE = "sekisho_engineer"
_PASSWORD = "as good as any"
_SECONDS = 20.0
_LOOKS = 3  # one after the other, that must find the same
Report = dict[str, Any]


@dataclass(slots=True)
class Play:
    """One program's play on one way."""

    target: Target
    mode: str
    stage: Stage
    reports: dict[Step, Report] = field(default_factory=dict)

    def note(self, step: Step, **report: Any) -> None:
        """What came of a step."""
        assert step not in self.reports, f"{step} was reported before"
        self.reports[step] = report

    def await_running(self) -> None:
        """Until the long statement runs at the server."""
        self.stage.await_running()

    def kill(self) -> None:
        """End the program's sessions at the server, as an administrator would."""
        self.stage.kill()


class Stage:
    """What runs."""

    def __init__(self, server: Postgres, house: House, ca: TestCa) -> None:
        self.programs = server.bin
        self.folder = house.layout.root
        self._house = house
        self._admin = server.admin(DATABASE)
        self.gateway = Target(
            host="127.0.0.1",
            port=house.ports.sites[LI.site],
            user=LI.subject,
            password=house.token(LI),
            database=DATASOURCE,
            ca=str(ca.path),
        )
        self.direct = Target(
            host="127.0.0.1", port=server.port, user=ROLE, password=_PASSWORD, database=DATABASE, ca=None
        )

    def close(self) -> None:
        """The administrator leaves."""
        self._admin.close()

    def play(self, target: Target, mode: str, program: Callable[[Play], None]) -> tuple[dict[Step, Report], list[str]]:
        """Let a program play: its reports, and what it left in the table it writes to."""
        play = Play(target, mode, self)
        try:
            program(play)
            left = [key for (key,) in self._admin.execute("SELECT key FROM feature_flags ORDER BY key")]
        finally:
            self._admin.execute("DELETE FROM feature_flags WHERE key ~ '-[0-9]+$'")
        return play.reports, left

    def reasons(self) -> Counter[str]:
        """Why statements were denied so far, by the record; the server's own complaints are none of ours."""
        denied = [one for one in self._house.entries("decision") if one["effect"] != "allow"]
        refused = [one for one in self._house.entries("refusal") if one["reason"] != Reason.SERVER_COMPLAINT]
        return Counter(one["reason"] for one in (*denied, *refused))

    def await_running(self) -> None:
        """Until the long statement runs, and is not only parsed: a server that waits for the next message, or has
        not read it yet, does not hear that it is to cancel."""
        found = (
            "SELECT pid, query_start FROM pg_stat_activity WHERE usename = %s AND state = 'active' AND query LIKE %s"
            " AND wait_event IS DISTINCT FROM 'ClientRead'"
        )
        looks: deque[Any] = deque(maxlen=_LOOKS)

        def runs() -> bool:
            looks.append(self._admin.execute(found, (ROLE, f"%{STATEMENTS['long'][:40]}%")).fetchone())
            return len(looks) == _LOOKS and None not in looks and len(set(looks)) == 1

        self._until(runs)

    def kill(self) -> None:
        """End every session of the role."""
        found = "FROM pg_stat_activity WHERE usename = %s"
        self._admin.execute(f"SELECT pg_terminate_backend(pid) {found}", (ROLE,))  # type: ignore[arg-type]
        self._until(lambda: self._admin.execute(f"SELECT 1 {found}", (ROLE,)).fetchone() is None)  # type: ignore[arg-type]

    def _until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _SECONDS
        while not true():
            assert time.monotonic() < deadline
            time.sleep(0.005)


@contextmanager
def open_stage(folder: Path, ca: TestCa) -> Iterator[Stage]:
    """PostgreSQL 18 of the wheel with the demo's database, and a gateway before it."""
    with ExitStack() as stack:
        server = stack.enter_context(serving(18, "wheel"))
        _load(server)
        issued = ca.issue("localhost", "127.0.0.1")
        tls = {"certificate": str(issued.certificate), "key": str(issued.key)}
        port = free_port()
        # Nothing is allowed in the clear: a program that is let in speaks TLS, and has checked whom it speaks with.
        listener = {"address": f"127.0.0.1:{port}", "site": LI.site, "tls": tls}
        folder.mkdir(exist_ok=True)
        house = House(folder, None, {"listeners": {"postgres": [listener]}, "datasources": [_source(server)]})
        house.ports = type(house.ports)(sites={LI.site: port}, edge=0, grpc=house.ports.grpc, http=house.ports.http)
        # In a process of its own: libpq's older cancel keeps the interpreter from all other threads until it is heard.
        gateway = serve(house.layout.config)
        stack.callback(gateway.stop)
        await_ready(gateway, house.ports.ready_url)
        stage = Stage(server, house, ca)
        stack.callback(stage.close)
        yield stage


def _source(server: Postgres) -> dict[str, Any]:
    return {
        "id": DATASOURCE,
        "host": str(server.socket_directory),
        "port": server.port,
        "database": DATABASE,
        "tls": "disable",
        "twin": {"role": "sekisho_twin", "epoch_interval_ms": 100},
        "profiles": [{"name": "engineer", "role": ROLE, "groups": ["engineer"]}],
    }


def _load(server: Postgres) -> None:
    with server.admin() as admin:
        admin.execute(f"CREATE DATABASE {DATABASE}")  # type: ignore[arg-type]
    server.load(ROOT / "gateway" / "demo" / "schema.sql", DATABASE)
    server.role(ROLE, password=_PASSWORD)
    with server.admin(DATABASE) as admin:
        for part in tables():
            columns = ", ".join(part.columns)
            with admin.cursor() as cursor, cursor.copy(f"COPY {part.table} ({columns}) FROM STDIN") as copy:
                for row in part.rows:
                    copy.write_row(row)
