"""A real Kafka of a test's own: one node, broker and controller, on loopback ports, its data thrown away.

``kafka`` (a fixture, per module) starts one; ``stop`` and ``start`` keep its data, ``stalled`` lets it stand still.
"""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from gateway.demo.settings import free_port
from tests.servers import TOOLS, require_tool

_JARS = TOOLS.parent / "kafka"
# Fast to start rather than fast to run.
_JVM = ["-Xmx256m", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
_LOGS = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
_SETTINGS = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={data}
num.partitions=2
offsets.topic.replication.factor=1
num.network.threads=1
num.io.threads=2
"""


class KafkaServer:
    """One node."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        data = folder / "data"
        data.mkdir()
        # What its own `format` command would write: two programs less to start.
        ids = [base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=") for _ in range(2)]
        lines = ["version=1", f"cluster.id={ids[0]}", "node.id=1", f"directory.id={ids[1]}", ""]
        (data / "meta.properties").write_text("\n".join(lines))
        self._settings = folder / "server.properties"
        self._settings.write_text(_SETTINGS.format(port=self.port, controller=free_port(), data=data))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> KafkaServer:
        program = [str(require_tool("java")), *_JVM, *_LOGS, "-cp", f"{_JARS}/*", "kafka.Kafka", str(self._settings)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(program, stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "log").read_text()[-4000:]) from None
                time.sleep(0.05)  # until it listens

    def kill(self) -> None:
        """As a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """It takes connections and answers nobody."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    def read(self, topic: str, *, until: int, seconds: float = 30) -> list[Message]:
        """So many messages at least, of all partitions from their beginning."""
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": str(uuid.uuid4()), "log_level": 0})
        found: list[Message] = []
        deadline = time.monotonic() + seconds
        try:
            known = consumer.list_topics(topic, timeout=seconds).topics[topic].partitions
            consumer.assign([TopicPartition(topic, partition, 0) for partition in known])
            while len(found) < until and time.monotonic() < deadline:
                message = consumer.poll(0.2)
                if message is not None and message.error() is None:
                    found.append(message)
        finally:
            consumer.close()
        return found


@pytest.fixture(scope="module")
def kafka() -> Iterator[KafkaServer]:
    if not _JARS.is_dir():
        require_tool("kafka")  # which says what is missing
    with tempfile.TemporaryDirectory(prefix="sekisho-kafka-") as folder:
        server = KafkaServer(Path(folder)).start()
        yield server
        server.kill()
