from __future__ import annotations

import dataclasses

import pytest

from gateway.config_setting import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    needed: int = setting("needed", required=True)
    made: tuple[int, ...] = setting("made", factory=tuple)
    given: str = setting("given", "x")


def test_a_setting_is_a_field_with_its_text() -> None:
    sample = Sample(needed=1)
    assert (sample.needed, sample.made, sample.given) == (1, (), "x")
    assert [item.metadata["help"] for item in dataclasses.fields(Sample)] == ["needed", "made", "given"]
    assert [item.metadata["required"] for item in dataclasses.fields(Sample)] == [True, False, False]
    with pytest.raises(TypeError):
        Sample()  # type: ignore[call-arg]
