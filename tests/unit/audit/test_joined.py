from __future__ import annotations

from pathlib import Path

import pytest

from gateway.audit.damage import TORN_TAIL
from gateway.audit.joined import Work, check_alone
from gateway.audit.segments import list_segments
from gateway.audit.verify import verify
from tests.unit.audit.chains import START_NS, WRITER, claims, forge, lay, sample_lines, write_record
from tests.unit.audit.helping import Inline

MINUTE_US = 60_000_000


def test_a_segment_says_where_it_begins_and_ends(tmp_path: Path) -> None:
    lines = sample_lines()
    second = list_segments(lay(tmp_path, lines))[WRITER][1]
    found = check_alone(Work(second, MINUTE_US, None, {}))
    assert found is not None
    first, last = claims(lines[1][0]), claims(lines[1][-1])
    assert (found.first_seq, found.first_prev) == (first["seq"], first["prev"])
    assert (found.last_seq, found.last_hash, found.lines) == (last["seq"], last["hash"], len(lines[1]))
    assert START_NS // 1000 <= found.earliest_us <= found.latest_us


@pytest.mark.parametrize("how", ["edited", "torn", "leaning", "late"])
def test_what_can_only_be_judged_in_its_place_is_left(tmp_path: Path, how: str) -> None:
    lines = sample_lines()
    match how:
        case "edited":
            lines[1][2] = lines[1][2].replace(b"repeat", b"rebeat")
        case "torn":
            lines[1].append(b"half a li")
        case "leaning":
            lines[1][1:] = [forge(lines[1][1], kind=TORN_TAIL)]
        case "late":
            lines[1][1:] = [forge(lines[1][1], at_us=START_NS // 1000 - 3_600_000_000)]
    second = list_segments(lay(tmp_path, lines))[WRITER][1]
    assert check_alone(Work(second, MINUTE_US, None, {})) is None


def test_helpers_are_listened_to_and_may_be_idle(tmp_path: Path) -> None:
    write_record(tmp_path, 200, writer="gateway-1")
    write_record(tmp_path, 90, writer="gateway-2")
    busy, idle = Inline(), Inline(idle=True)
    assert verify(tmp_path, helpers=busy) == verify(tmp_path, helpers=idle) == verify(tmp_path)
    assert None not in busy.found
    assert len(busy.found) == len(list(tmp_path.glob("*.jsonl")))
    told: list[int] = []
    verify(tmp_path, helpers=busy, progress=told.append)
    assert sum(told) == sum(path.stat().st_size for path in tmp_path.glob("*.jsonl"))
