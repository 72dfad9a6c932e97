"""What entries of different kinds share, they have alike."""

from __future__ import annotations

from gateway.audit.parts import asker_part, principal_part
from gateway.inquiry import Looking, Reading, ReadingFacts
from gateway.model import Confidence, EmployerFacts, EntityId, Location, LocationSource, Principal


def test_whoever_asks_is_told_as_in_every_entry() -> None:
    principal = Principal(issuer="i", subject="li", database_user="li", groups=("a",), expires_at=9)
    facts = ReadingFacts(
        at=1,
        door=None,
        principal=principal,
        location=Location(countries=(), source=LocationSource.NONE, confidence=Confidence.UNKNOWN, note="why"),
        employer=EmployerFacts(known=True, complete=True, entity=EntityId("e"), person="Li"),
        controller=EntityId("c"),
        reading=Reading(what=Looking.WHOIS),
        purpose=None,
        valid_until=9,
        registry_revision="r",
    )
    part = asker_part(facts)
    assert part["principal"] == principal_part(principal)
    assert part["person"] == "Li"
    assert part["location"] == {
        "countries": [],
        "source": "none",
        "confidence": "unknown",
        "conflict": False,
        "simultaneous": False,
        "site": None,
        "note": "why",
    }
    assert part["known_by"] == {"location.countries": ["none", "unknown"]}
    assert part["origin"] == []
