"""The topic of a real broker: what is there after it was killed, stood still, and came back."""

from __future__ import annotations

import pytest
from confluent_kafka import Message

from gateway.config_sinks import KafkaSink
from gateway.links.sinks.kafka import KafkaTopic
from gateway.links.sinks.sink import SinkError
from gateway.sink_metrics import Trouble
from tests.kafka_server import KafkaServer, kafka
from tests.unit.links.sinks.lines import lines

__all__ = ["kafka"]  # a fixture


def seqs_of(messages: list[Message]) -> list[int]:
    return [int(dict(message.headers() or ())["seq"] or b"") for message in messages]


def topic(server: KafkaServer, name: str, seconds: float = 20, compression: str = "lz4") -> KafkaTopic:
    settings = KafkaSink(servers=(server.address,), topic=name, tls=False, compression=compression)
    return KafkaTopic(settings, "tokyo", seconds)


def test_every_entry_to_the_letter_and_in_order(kafka: KafkaServer) -> None:
    sink = topic(kafka, "letters")
    sink.send(lines()[:5])
    sink.send(lines()[5:])
    sink.close()
    found = kafka.read("letters", until=len(lines()))
    assert [message.value() for message in found] == [line.raw.removesuffix(b"\n") for line in lines()]
    assert {message.key() for message in found} == {b"tokyo/gateway"}
    assert {message.partition() for message in found} == {found[0].partition()}
    assert [dict(message.headers() or ()) for message in found] == [
        {"seq": str(line.seq).encode(), "hash": line.hash.encode()} for line in lines()
    ]


def test_a_broker_that_stands_still_is_not_taken_for_one_that_has_it(kafka: KafkaServer) -> None:
    sink = topic(kafka, "still", 1)
    topic(kafka, "still").send(lines()[:1])  # which makes the topic
    with kafka.stalled(), pytest.raises(SinkError) as late:
        sink.send(lines()[:3])
    assert late.value.trouble is Trouble.TIMEOUT
    sink._seconds = 20
    sink.send(lines()[:3])  # it goes on
    sink.close()
    seqs = seqs_of(kafka.read("still", until=4))
    assert set(seqs) == {0, 1, 2}
    assert seqs[-3:] == [0, 1, 2]


def test_what_a_topic_does_not_take_is_told(kafka: KafkaServer) -> None:
    sink = topic(kafka, "small")
    big = lines()[0]
    large = type(big)(big.writer, big.seq, big.hash, b"x" * (2 * 1024 * 1024) + b"\n")
    with pytest.raises(SinkError) as refused:
        KafkaTopic(KafkaSink(servers=(kafka.address,), topic="small", tls=False, compression="none"), "tokyo", 20).send(
            [large]
        )
    assert refused.value.trouble is Trouble.TOO_LARGE
    sink.send(lines()[:1])
    with pytest.raises(SinkError) as refused:
        topic(kafka, "no/topic").send(lines()[:1])
    assert refused.value.trouble is Trouble.REFUSED


def test_a_broker_that_is_gone(kafka: KafkaServer) -> None:
    sink = topic(kafka, "gone", 1)
    topic(kafka, "gone").send(lines()[:2])
    kafka.kill()  # the last test: to start another costs more than all of these
    with pytest.raises(SinkError) as gone:
        sink.send(lines()[2:4])
    assert gone.value.trouble is Trouble.UNREACHABLE
