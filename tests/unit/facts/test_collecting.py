import gc

import pytest

from gateway.facts.collecting import set_aside, uncollected


def test_collector_rests_and_goes_on() -> None:
    assert gc.isenabled()
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ValueError, match="no"):
        _fail()
    assert gc.isenabled()


def _fail() -> None:
    with uncollected():
        raise ValueError("no")


def test_who_has_it_off_keeps_it_off() -> None:
    gc.disable()
    try:
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_was_set_aside_is_not_looked_at_again() -> None:
    kept = [[number] for number in range(1000)]
    try:
        set_aside()
        assert gc.get_freeze_count() >= len(kept)
    finally:
        gc.unfreeze()
