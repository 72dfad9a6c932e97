"""A topic of Kafka: acks=all and idempotent, each entry as the line it is in the record.

The key is the record and the writer: all of one chain is in one partition, in its order. Headers hold seq and hash, by
which a consumer finds what came twice without reading it. After any failure the producer is given up with what it still
held, and the batch is sent again by a new one: an entry that comes late from the old one came twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from gateway.audit.follow import Line
from gateway.config_sinks import KafkaSink
from gateway.links.secret import secret
from gateway.links.sinks.sink import SinkError
from gateway.sink_metrics import Trouble

_LONGEST: Final = 8 * 1024 * 1024  # bytes of a message: no entry is longer; the topic has a bound of its own
_QUEUED: Final = 1_000_000
_TROUBLES: Final = {
    KafkaError._TRANSPORT: Trouble.UNREACHABLE,
    KafkaError._ALL_BROKERS_DOWN: Trouble.UNREACHABLE,
    KafkaError._RESOLVE: Trouble.UNREACHABLE,
    KafkaError._SSL: Trouble.UNREACHABLE,
    KafkaError._MSG_TIMED_OUT: Trouble.TIMEOUT,
    KafkaError._TIMED_OUT: Trouble.TIMEOUT,
    KafkaError.REQUEST_TIMED_OUT: Trouble.TIMEOUT,
    KafkaError.MSG_SIZE_TOO_LARGE: Trouble.TOO_LARGE,
    KafkaError._AUTHENTICATION: Trouble.UNAUTHORISED,
    KafkaError.SASL_AUTHENTICATION_FAILED: Trouble.UNAUTHORISED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED: Trouble.UNAUTHORISED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: Trouble.UNAUTHORISED,
    KafkaError.NOT_ENOUGH_REPLICAS: Trouble.UNREACHABLE,
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND: Trouble.UNREACHABLE,
}


class KafkaTopic:
    """A ``Sink``."""

    def __init__(self, settings: KafkaSink, record: str, seconds: float) -> None:
        self._settings, self._record, self._seconds = settings, record, seconds
        self._producer: Producer | None = None
        self._noticed: KafkaError | None = None  # what the library says of brokers meanwhile

    def send(self, lines: Sequence[Line]) -> None:
        """See ``Sink``."""
        producer = self._producer = self._producer or self._begin()
        failures: list[KafkaError] = []
        arrived = 0

        def told(error: KafkaError | None, _: Message) -> None:
            nonlocal arrived
            if error is None:
                arrived += 1
            else:
                failures.append(error)

        try:
            for line in lines:
                producer.produce(
                    self._settings.topic,
                    line.raw.removesuffix(b"\n"),
                    key=f"{self._record}/{line.writer}".encode(),
                    headers={"seq": str(line.seq).encode(), "hash": line.hash.encode()},
                    on_delivery=told,
                )
            producer.flush(self._seconds)
        except BufferError:
            raise self._given_up(Trouble.THROTTLED, "its queue is full") from None
        except KafkaException as error:
            raise self._failed(error.args[0]) from None
        if failures:
            raise self._failed(failures[0])
        if arrived != len(lines):
            if self._noticed is not None:  # it says why nothing came in time
                raise self._failed(self._noticed)
            raise self._given_up(Trouble.TIMEOUT, f"no acknowledgement within {self._seconds:g} s")

    def close(self) -> None:
        """See ``Sink``."""
        producer, self._producer, self._noticed = self._producer, None, None
        if producer is not None:
            producer.purge()
            producer.flush(0)

    def _failed(self, error: KafkaError) -> SinkError:
        if error.code() == KafkaError._MSG_TIMED_OUT and self._noticed is not None:
            error = self._noticed
        return self._given_up(_TROUBLES.get(error.code(), Trouble.REFUSED), error.str())

    def _given_up(self, trouble: Trouble, detail: str) -> SinkError:
        self.close()
        return SinkError(trouble, detail)

    def _notice(self, error: KafkaError) -> None:
        if error.code() in _TROUBLES:
            self._noticed = error

    def _begin(self) -> Producer:
        settings = self._settings
        options: dict[str, Any] = {
            "bootstrap.servers": ",".join(settings.servers),
            "client.id": "sekisho",
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 0,
            "compression.type": settings.compression,
            "message.max.bytes": _LONGEST,
            "queue.buffering.max.messages": _QUEUED,
            "message.timeout.ms": int(self._seconds * 1000),
            "socket.timeout.ms": int(self._seconds * 1000),
            "reconnect.backoff.max.ms": 1000,
            "security.protocol": ("SASL_" if settings.mechanism != "none" else "")
            + ("SSL" if settings.tls else "PLAINTEXT"),
            "log_level": 0,  # what goes wrong is told by what we wait for
            "error_cb": self._notice,
        }
        files = {
            "ssl.ca.location": settings.ca,
            "ssl.certificate.location": settings.certificate,
            "ssl.key.location": settings.key,
        }
        options |= {name: str(path) for name, path in files.items() if path is not None}
        if settings.mechanism != "none" and settings.password_file is not None:
            options["sasl.mechanism"] = settings.mechanism.upper()
            options["sasl.username"] = settings.username
            options["sasl.password"] = secret(settings.password_file)
        try:
            return Producer(options)
        except KafkaException as error:
            raise SinkError(Trouble.REFUSED, error.args[0].str()) from None
