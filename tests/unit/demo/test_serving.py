"""The gateway's process: waited for until ready, its last words shown when it dies, ended when it must."""

from __future__ import annotations

import http.server
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.demo.serving import GatewayFailed, ServeProcess, await_ready, command

NOT_READY_ONCE = """
import http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self):
        Handler.asked += 1
        self.send_response(200 if Handler.asked > 1 else 503)
        self.end_headers()
        self.wfile.write(b"no policy yet")

    def log_message(self, *arguments):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
NOBODY_HOME = "http://127.0.0.1:1/readyz"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], ServeProcess]]:
    running: list[ServeProcess] = []

    def go(script: str) -> ServeProcess:
        running.append(ServeProcess([sys.executable, "-c", script], tmp_path / f"{len(running)}.log"))
        return running[-1]

    yield go
    for process in running:
        process.stop()


def first_line(process: ServeProcess) -> str:
    while "\n" not in (said := process._log.read_text()):
        assert process.alive()
    return said.splitlines()[0]


def test_ready_is_waited_for(start: Callable[[str], ServeProcess]):
    process = start(NOT_READY_ONCE)
    await_ready(process, f"http://127.0.0.1:{first_line(process)}/readyz")
    assert process.alive()
    process.stop()
    process.stop()
    assert not process.alive()


def test_a_gateway_that_ends_at_once_shows_its_last_words(start: Callable[[str], ServeProcess]):
    process = start("import sys; sys.exit('sekisho.yaml: unknown key: listenrs')")
    with pytest.raises(GatewayFailed, match="unknown key: listenrs"):
        await_ready(process, NOBODY_HOME)


def test_a_gateway_that_never_answers_is_given_up(start: Callable[[str], ServeProcess]):
    process = start("import time; time.sleep(600)")
    with pytest.raises(GatewayFailed, match="not ready within 0 s"):
        await_ready(process, NOBODY_HOME, seconds=0.2)


def test_a_gateway_that_is_not_ready_says_why():
    class NeverReady(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503)
            self.end_headers()
            self.wfile.write(b"record not writable")

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Alive:
        def alive(self) -> bool:
            return True

        def stop(self) -> None: ...

        def tail(self) -> str:
            return "the log's end"

    with http.server.HTTPServer(("127.0.0.1", 0), NeverReady) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        with pytest.raises(GatewayFailed, match=r"(?s)503 record not writable.*the log's end"):
            await_ready(Alive(), f"http://127.0.0.1:{server.server_port}/readyz", seconds=0.2)
        server.shutdown()
        thread.join()


def test_one_that_ignores_sigterm_is_killed(start: Callable[[str], ServeProcess], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gateway.demo.serving._STOP_SECONDS", 0.2)
    process = start(DEAF)
    assert first_line(process) == "up"
    process.stop()
    assert not process.alive()


def test_the_tail_is_the_end_of_a_long_log(start: Callable[[str], ServeProcess]):
    process = start("for n in range(1000): print(n)")
    process._process.wait()
    assert process.tail().splitlines()[-1] == "999"
    assert len(process.tail().splitlines()) == 25


def test_a_persons_own_settings_do_not_reach_it(start: Callable[[str], ServeProcess], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SEKISHO_RECORD_DIRECTORY", "/elsewhere")
    process = start("import os; print([name for name in os.environ if name.startswith('SEKISHO_')])")
    process._process.wait()
    assert process.tail() == "[]"


def test_the_command_can_be_run():
    assert Path(command()[0]).is_file()
