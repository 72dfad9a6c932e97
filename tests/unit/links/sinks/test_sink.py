"""How an entry is told to who wants an object."""

from __future__ import annotations

from hashlib import sha256

from gateway.links.sinks.sink import SinkError, at_us, exact, found, moment, principal, readable
from gateway.sink_metrics import Trouble
from tests.unit.audit.test_record import AT_US
from tests.unit.links.sinks.lines import lines


def test_a_line_is_told_to_the_letter() -> None:
    for line in lines()[:-1]:
        content = exact(line, readable(line)).encode("utf-8")
        assert content + b"\n" == line.raw
        assert sha256(content[: content.rindex(b',"hash":')]).hexdigest() == line.hash


def test_a_line_that_is_no_entry_is_told_as_that() -> None:
    broken = lines()[-1]
    assert readable(broken)["kind"] == "unreadable_line"
    assert readable(broken)["line"].startswith('not "JSON"')
    assert exact(broken, readable(broken)).startswith('{"kind": "unreadable_line"')
    assert at_us(readable(broken)) == 0
    assert moment(readable(broken)).isoformat() == "1970-01-01T00:00:00+00:00"


def test_fields() -> None:
    entry = readable(lines()[3])
    assert at_us(entry) == AT_US
    assert moment(entry).isoformat() == "2024-11-21T14:40:00.123456+00:00"
    assert principal(entry) == "https://id.example#li"
    assert principal(readable(lines()[2])) == "https://id.example#li"
    assert principal({"principal": 7}) is None
    assert found(entry, "location", "countries") == ["JP"]
    assert found(entry, "location", "countries", "x") is None
    assert [at_us({"at_us": strange}) for strange in (True, "7", -1, 1 << 60, None)] == [0] * 5


def test_an_error_says_why() -> None:
    error = SinkError(Trouble.THROTTLED, "503", 7)
    assert (str(error), error.after) == ("throttled: 503", 7)
