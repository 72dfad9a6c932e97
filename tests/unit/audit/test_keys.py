from __future__ import annotations

from pathlib import Path

import pytest

from gateway.audit.keys import KeyUse, make_keys
from gateway.errors import ConfigError


@pytest.mark.parametrize("use", KeyUse)
def test_a_pair_is_made_once_and_private(tmp_path: Path, use: KeyUse) -> None:
    path = tmp_path / "record.key"
    public = make_keys(path, use)
    assert public == tmp_path / "record.key.pub"
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"PUBLIC" in public.read_bytes()
    before = path.read_bytes()
    with pytest.raises(ConfigError) as caught:
        make_keys(path, use)
    assert len(caught.value.problems) == 2
    assert path.read_bytes() == before
