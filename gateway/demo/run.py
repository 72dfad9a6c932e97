"""The order of the demo: prepare the folder, start the database, start the gateway, play the story, verify, stay.

``run`` is the entry. What it starts it also stops, in the opposite order, whatever happens.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Final, TextIO

from gateway.demo.characters import CHARACTERS, LI, Character, Issuer, write_secret
from gateway.demo.database import DATABASE, Database, DatabaseFailed, binaries
from gateway.demo.kill_switch import pull
from gateway.demo.play import Stage, tell
from gateway.demo.relay import LOOPBACK
from gateway.demo.serving import GatewayFailed, Running, await_ready, command, serve
from gateway.demo.settings import (
    DATASOURCE,
    Layout,
    Ports,
    addresses,
    configuration,
    free_ports,
    write_configuration,
)
from gateway.demo.show import Screen, Style, Tone
from gateway.demo.story import STORY
from gateway.demo.trail import Trail

AS_EXPECTED: Final = 0
NOT_AS_EXPECTED: Final = 1
NOT_STARTED: Final = 2
INTERRUPTED: Final = 130

_TOKEN_SECONDS: Final = 12 * 3600
_VERIFY_SECONDS: Final = 60.0


def run(*, once: bool, directory: Path | None, out: TextIO, start_gateway: Callable[[Path], Running] = serve) -> int:
    """Play the demo and return the exit code: 0 all as expected, 1 something was not, 2 it could not start.

    ``directory`` must be new or empty and is kept; without one a temporary folder is used and removed. With ``once`` it
    ends after the story, otherwise it stays up until Ctrl-C.
    """
    screen = Screen(out, Style.of(out))
    with _terminated_as_interrupt(), contextlib.ExitStack() as cleanup:
        try:
            return _Demo(screen, once=once, start_gateway=start_gateway).play(cleanup, directory)
        except BrokenPipeError:
            return INTERRUPTED  # nobody reads any more (`sekisho demo | head`): there is nobody to tell either
        except (DatabaseFailed, GatewayFailed, OSError) as error:
            screen.heading("The demo could not go on.")
            screen.line(str(error), Tone.BAD)
            return NOT_STARTED
        except KeyboardInterrupt:
            screen.line()
            screen.line("Interrupted; stopping.")
            return INTERRUPTED


class _Demo:
    def __init__(self, screen: Screen, *, once: bool, start_gateway: Callable[[Path], Running]) -> None:
        self._screen = screen
        self._once = once
        self._start_gateway = start_gateway

    def play(self, cleanup: contextlib.ExitStack, directory: Path | None) -> int:
        screen = self._screen
        screen.heading("Sekisho demo: who may read what, from where, under whose law")
        layout = Layout(root=_folder(directory, cleanup))
        layout.make()
        issuer = Issuer()
        issuer.write_jwks(layout.jwks)
        now = int(time.time())
        tokens = {who.subject: issuer.token(who, at=now, ttl=_TOKEN_SECONDS) for who in CHARACTERS}
        for subject, token in tokens.items():
            write_secret(layout.tokens / subject, token)

        database = Database(layout.database)
        cleanup.callback(database.stop)
        loaded = database.start()
        screen.line(
            f"PostgreSQL {loaded.version} with {loaded.users} users, {loaded.rows} rows in all: {loaded.seconds:.1f} s"
        )
        ports = free_ports()
        write_configuration(
            layout.config,
            configuration(layout, ports, socket_directory=database.socket_directory, database=DATABASE),
        )
        began = time.monotonic()
        gateway = self._start_gateway(layout.config)
        cleanup.callback(gateway.stop)
        await_ready(gateway, ports.ready_url)
        screen.line(f"Sekisho, ready in front of it: {time.monotonic() - began:.1f} s")

        good = self._tell_story(layout, ports, tokens)
        if not good:
            screen.heading("The gateway's log ends:")
            screen.verbatim(gateway.tail(), indent=3)
        good = self._verify(layout.record) and good
        self._invite(layout, ports)
        if self._once:
            return AS_EXPECTED if good else NOT_AS_EXPECTED
        return self._stay(gateway, database, good)

    def _tell_story(self, layout: Layout, ports: Ports, tokens: dict[str, str]) -> bool:
        places = addresses(layout.registry)
        stage = Stage(edge=ports.edge, addresses=places, tokens=tokens, trail=Trail(layout.record))
        began = time.monotonic()
        results = [
            tell(self._screen, number, step, places[step.site], stage.play(step))
            for number, step in enumerate(STORY, start=1)
        ]
        good = all(results)
        right = f"{sum(results)} of {len(results)} steps came out as expected, in {time.monotonic() - began:.1f} s."
        self._screen.heading(right)
        return pull(self._screen, stage, layout.config) and good

    def _verify(self, record: Path) -> bool:
        """Has the installed command verify the record, as a person would."""
        arguments = [*command(), "audit", "verify", str(record)]
        self._screen.line()
        self._screen.verbatim(f"$ {shlex.join(['sekisho', *arguments[-3:]])}", tone=Tone.ACCENT)
        done = subprocess.run(  # noqa: S603 - our own command line, no shell
            arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_VERIFY_SECONDS
        )
        self._screen.verbatim((done.stdout + done.stderr).rstrip())
        whole = done.returncode == 0
        failed = f"the record could not be verified (exit code {done.returncode})"
        self._screen.verdict(whole, "the record's chain is whole" if whole else failed, indent=0)
        return whole

    def _invite(self, layout: Layout, ports: Ports) -> None:
        screen = self._screen
        stays = "Try it yourself" if not self._once else "Without --once the gateway now stays up, and you can try it"
        screen.heading(f"{stays}: one listener for each place, a token for each person")
        for who, site in (*((who, who.site) for who in CHARACTERS), (LI, "tokyo-vpn")):
            screen.line(f"{who.subject} at {site}", Tone.FAINT)
            screen.verbatim(psql_command(who, layout.tokens / who.subject, ports.sites[site]), indent=2)
        screen.line()
        screen.field("metrics", ports.metrics_url, indent=0, label=10)
        screen.field("record", str(layout.record), indent=0, label=10)
        screen.field("verify", f"sekisho audit verify {shlex.quote(str(layout.record))}", indent=0, label=10)
        config = shlex.quote(str(layout.config))
        asked = "--country CN --by principal,country,data-type"
        screen.field("ask", f"sekisho audit query --config {config} {asked}", indent=0, label=10)
        screen.field("watch", f"sekisho audit tail --config {config} --follow", indent=0, label=10)
        screen.field("config", str(layout.config), indent=0, label=10)

    def _stay(self, gateway: Running, database: Database, good: bool) -> int:
        self._screen.line()
        self._screen.line("Ctrl-C ends it.", Tone.STRONG)
        try:
            while gateway.alive() and database.alive:
                time.sleep(0.5)
        except KeyboardInterrupt:
            self._screen.line()
            self._screen.line("Stopping.")
            return AS_EXPECTED if good else NOT_AS_EXPECTED
        ended, tail = ("database", database.log_tail()) if gateway.alive() else ("gateway", gateway.tail())
        self._screen.heading(f"The {ended} ended by itself. Its log ends:")
        self._screen.verbatim(tail, indent=3)
        return NOT_AS_EXPECTED


def psql_command(who: Character, token: Path, port: int) -> str:
    """What to type to be this person at the listener of a place."""
    psql = "psql" if shutil.which("psql") else shlex.quote(str(binaries() / "bin" / "psql"))
    where = f"host={LOOPBACK} port={port} dbname={DATASOURCE} user={who.subject} sslmode=disable"
    return f'PGPASSWORD="$(cat {shlex.quote(str(token))})" {psql} "{where}"'


def _folder(directory: Path | None, cleanup: contextlib.ExitStack) -> Path:
    """The demo's folder: a temporary one that goes away, or the one asked for, which must hold nothing yet."""
    if directory is None:
        root = Path(tempfile.mkdtemp(prefix="sekisho-demo-"))
        cleanup.callback(shutil.rmtree, root, ignore_errors=True)
        if os.geteuid() == 0:
            root.chmod(0o711)  # root's database runs as another user and has to pass; what is private lies deeper
        return root
    root = directory.expanduser().resolve()
    root.mkdir(parents=True, exist_ok=True)
    if any(root.iterdir()):
        raise FileExistsError(f"{root} is not empty: the demo begins with nothing, name a new folder")
    return root


@contextlib.contextmanager
def _terminated_as_interrupt() -> Iterator[None]:
    """SIGTERM and SIGHUP end the demo as Ctrl-C does, so that nothing it started is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    former = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
