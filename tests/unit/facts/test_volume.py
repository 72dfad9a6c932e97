import json
import threading

import pytest

from gateway.errors import ConfigError
from gateway.facts.volume import VolumeCounter
from gateway.model import EntityId, JsonValue, VolumeFacts

SHOP, A, B = EntityId("shop"), EntityId("a"), EntityId("b")
AT = 1_800_000_000
DAY = 86_400


def test_rows_are_counted_by_controller_and_employer() -> None:
    counter = VolumeCounter()
    counter.add(SHOP, A, 5, AT)
    counter.add(SHOP, A, 7, AT + 3600)
    counter.add(SHOP, B, 100, AT)
    counter.add(SHOP, None, 3, AT)
    assert counter.rows(SHOP, A, AT + 3600) == VolumeFacts(window="P1D", rows=12)
    assert counter.rows(SHOP, None, AT).rows == 3
    assert counter.rows(B, A, AT).rows == 0


def test_window_never_counts_too_little() -> None:
    counter = VolumeCounter()
    counter.add(SHOP, A, 5, AT)
    assert counter.rows(SHOP, A, AT + DAY).rows == 5
    assert counter.rows(SHOP, A, AT + DAY + 900).rows == 0


def test_old_counts_are_forgotten() -> None:
    counter = VolumeCounter()
    for hour in range(100):
        counter.add(SHOP, A, 1, AT + hour * 3600)
    counts = counter.snapshot()["counts"]
    assert isinstance(counts, list)
    assert len(counts) <= 97
    assert counter.rows(SHOP, A, AT + 99 * 3600).rows == 25


def test_negative_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        VolumeCounter().add(SHOP, A, -1, AT)


def test_snapshot_survives_as_json() -> None:
    counter = VolumeCounter()
    counter.add(SHOP, A, 5, AT)
    counter.add(SHOP, None, 2, AT + 7200)
    again = VolumeCounter.restore(json.loads(json.dumps(counter.snapshot())))
    assert again.snapshot() == counter.snapshot()
    assert again.rows(SHOP, None, AT + 7200).rows == 2


GOOD_COUNT = {"controller": "c", "entity": "e", "bucket": 1, "rows": 1}


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"window": "P7D", "bucket_seconds": 900, "counts": []},
        {"window": "P1D", "bucket_seconds": 60, "counts": []},
        {"window": "P1D", "bucket_seconds": 900, "counts": {}},
        {"window": "P1D", "bucket_seconds": 900, "counts": [7]},
        *(
            {"window": "P1D", "bucket_seconds": 900, "counts": [GOOD_COUNT | odd]}
            for odd in (
                {"rows": -1},
                {"rows": True},
                {"rows": "1"},
                {"bucket": 1.5},
                {"controller": None},
                {"entity": 1},
            )
        ),
    ],
)
def test_odd_snapshot_is_refused(document: JsonValue) -> None:
    with pytest.raises(ConfigError):
        VolumeCounter.restore(document)


def test_threads_lose_nothing() -> None:
    counter = VolumeCounter()

    def work() -> None:
        for _ in range(500):
            counter.add(SHOP, A, 1, AT)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.rows(SHOP, A, AT).rows == 2000
