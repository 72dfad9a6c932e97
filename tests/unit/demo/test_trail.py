"""What the demo reads back from a record that the real writer wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.audit.record import Entry, decision_entry, refusal_entry, repeat_entry, session_entry
from gateway.audit.writer import RecordWriter
from gateway.demo.trail import Hop, Trail
from gateway.errors import Reason
from gateway.model import (
    ChainLink,
    Confidence,
    Country,
    DataFacts,
    DatasourceFacts,
    DatasourceId,
    Decision,
    Door,
    Durability,
    Effect,
    EmployerFacts,
    EntityId,
    Location,
    LocationSource,
    Principal,
    StatementEffect,
    StatementFacts,
    Stay,
    Understanding,
    Verdict,
    VolumeFacts,
)

AT = 1_800_000_000


def principal(subject: str) -> Principal:
    return Principal(issuer="https://id.line.example", subject=subject, database_user=subject, expires_at=AT + 60)


def decision(
    decision_id: str, subject: str = "li", *, effect: Effect = Effect.DENY, cross_border: bool = True
) -> Entry:
    chain = (
        ChainLink(
            hop=0, entity=EntityId("line-jp"), name="LINE Corporation", country=Country("JP"), relation="controller"
        ),
        ChainLink(
            hop=1,
            entity=EntityId("line-cn"),
            name="Shanghai LINE Digital Technology",
            country=Country("CN"),
            relation="affiliate",
        ),
    )
    understanding = Understanding(
        at=AT,
        door=Door.POSTGRES,
        datasource=DatasourceFacts(
            id=DatasourceId("messenger"),
            storage_countries=(Country("JP"),),
            controller=EntityId("line-jp"),
            controller_name="LINE Corporation",
            controller_country=Country("JP"),
        ),
        profile="engineer",
        principal=principal(subject),
        location=Location(
            countries=(Country("CN"),),
            source=LocationSource.SITE_NETWORK,
            confidence=Confidence.ATTESTED,
            note="a note",
        ),
        employer=EmployerFacts(known=True, complete=True, chain=chain, stay=Stay.RESIDENCE, person="Li Wenjie"),
        statement=StatementFacts(kind="select", effect=StatementEffect.READ, complete=True),
        data=DataFacts(
            about_people=True,
            data_types=(),
            subject_countries=(Country("JP"),),
            subject_known=True,
            storage_countries=(Country("JP"),),
            controller=EntityId("line-jp"),
            columns=(),
            unlabelled=(),
        ),
        disclosures=(),
        agreements=(),
        volume=VolumeFacts(window="P1D", rows=0),
        purpose=None,
        valid_until=AT + 60,
        registry_revision="r",
    )
    verdict = Verdict(
        effect=effect,
        reason=Reason.ALLOWED if effect is Effect.ALLOW else Reason.POLICY_DENIED,
        cross_border=cross_border,
        valid_until=AT + 60,
        revision="r",
    )
    return decision_entry(
        understanding,
        Decision(id=decision_id, at=AT, verdict=verdict),
        at_ns=AT * 10**9,
        session="s",
        statement="SELECT name FROM users",
        statement_hash="00",
    )


class Record:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.writer = RecordWriter.open(directory, segment_bytes=65536, writer="demo")

    def add(self, *entries: Entry) -> None:
        for entry in entries:
            assert self.writer.append(entry, Durability.WRITTEN, lambda failure: None)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    made = Record(tmp_path)
    yield made
    made.writer.close()


def test_only_what_came_since_the_last_look_is_new(record: Record):
    record.add(decision("d1"))
    trail = Trail(record.directory)
    assert trail.new() == ()
    record.add(decision("d2"), decision("d3"))
    assert [entry["decision_id"] for entry in trail.new()] == ["d2", "d3"]
    assert trail.new() == ()


def test_a_folder_without_a_record_yet_has_nothing(tmp_path: Path):
    trail = Trail(tmp_path)
    assert trail.new() == ()
    assert trail.decided("li") is None
    made = Record(tmp_path)
    made.add(decision("d1"))
    found = trail.decided("li")
    made.writer.close()
    assert found is not None
    assert found.id == "d1"


def test_growth_over_several_segments_is_seen_whole(record: Record):
    trail = Trail(record.directory)
    names = [f"d{number}" for number in range(100)]
    for name in names:
        record.add(decision(name))
    assert len(list(record.directory.glob("*.jsonl"))) > 1
    assert [entry["decision_id"] for entry in trail.new() if entry["kind"] == "decision"] == names


def test_a_line_that_is_not_whole_is_left_for_later(tmp_path: Path):
    segment = tmp_path / "w.00000001.jsonl"
    segment.write_text('{"kind":"eve')
    trail = Trail(tmp_path)
    with segment.open("a") as file:
        file.write('nt"}\n{"kind"')
    assert trail.new() == ({"kind": "event"},)


def test_a_decision_is_read_with_its_facts(record: Record):
    trail = Trail(record.directory)
    record.add(
        session_entry("session_open", at_ns=1, session="s"),
        decision("d1", "sato", effect=Effect.ALLOW),
        decision("d2"),
        repeat_entry("d3", of="d2", at_ns=1, session="s"),
        repeat_entry("d4", of="d1", at_ns=1, session="s"),
    )
    found = trail.decided("li")
    assert found is not None
    assert (found.id, found.ids) == ("d2", frozenset({"d2", "d3"}))
    assert (found.effect, found.reason, found.cross_border) == ("deny", "policy_denied", True)
    assert (found.person, found.countries, found.location_source) == ("Li Wenjie", ("CN",), "site_network")
    assert found.location_note == "a note"
    assert found.chain == (
        Hop(hop=0, name="LINE Corporation", country="JP", relation="controller"),
        Hop(hop=1, name="Shanghai LINE Digital Technology", country="CN", relation="affiliate"),
    )


def test_a_refusal_counts_as_an_answer_without_facts(record: Record):
    trail = Trail(record.directory)
    record.add(
        refusal_entry(
            "d1",
            at_ns=1,
            session="s",
            door=Door.POSTGRES,
            datasource="messenger",
            profile="engineer",
            principal=principal("li"),
            reason=Reason.TWIN_UNAVAILABLE,
        )
    )
    found = trail.decided("li")
    assert found is not None
    assert (found.id, found.effect, found.reason) == ("d1", "deny", "twin_unavailable")
    assert (found.chain, found.countries, found.cross_border, found.person) == ((), (), False, "")


def test_an_answer_to_somebody_else_is_not_mine(record: Record):
    trail = Trail(record.directory)
    record.add(decision("d1", "sato"))
    assert trail.decided("li") is None
