import pytest

from gateway.model import ChainLink, Confidence, Country, EmployerFacts, EntityId, Location, LocationSource, Told


def link(hop: int, entity: str, country: str | None, relation: str = "owner", share: float | None = None) -> ChainLink:
    place = None if country is None else Country(country)
    return ChainLink(
        hop=hop, entity=EntityId(entity), name=entity, country=place, relation=relation, share_percent=share
    )


CHAIN = (
    link(0, "shop", "US", "controller"),
    link(1, "helper", "SG", "contractor"),
    link(2, "below", "CN", "subcontractor"),
)


def facts(*owners: ChainLink, entity: str = "below", also: tuple[str, ...] = ()) -> EmployerFacts:
    return EmployerFacts(
        known=True,
        complete=True,
        entity=EntityId(entity),
        country=Country("CN"),
        chain=CHAIN,
        owners=owners,
        also_from=tuple(Country(place) for place in also),
    )


@pytest.mark.parametrize(
    ("employer", "expected"),
    [
        (facts(), {"SG", "CN"}),  # not the controller's
        (facts(link(1, "half", "KR", share=50)), {"SG", "CN", "KR"}),
        (facts(link(1, "less", "KR", share=49.9)), {"SG", "CN"}),
        (facts(link(1, "unknown", "KR")), {"SG", "CN", "KR"}),
        (facts(link(1, "shop", "US", share=100), link(2, "above", "KR", share=100)), {"SG", "CN", "US"}),
        (facts(link(1, "nowhere", None, share=100), also=("TH",)), {"SG", "CN", "TH"}),
    ],
)
def test_employer_brings_its_chain_and_who_controls_it(employer: EmployerFacts, expected: set[str]) -> None:
    assert employer.countries(EntityId("shop")) == expected


def test_owners_of_the_controller_bring_nothing_to_its_own_people() -> None:
    own = facts(link(1, "parent", "KR", share=100), entity="shop")
    assert "KR" not in own.countries(EntityId("shop"))


def test_each_country_has_its_source() -> None:
    found = Location(
        countries=(Country("CN"), Country("JP")),
        source=LocationSource.SITE_NETWORK,
        confidence=Confidence.DECLARED,
        conflict=True,
        told=(
            Told(country=Country("JP"), source=LocationSource.SITE_NETWORK, confidence=Confidence.ATTESTED),
            Told(country=Country("CN"), source=LocationSource.CLAIM, confidence=Confidence.DECLARED),
        ),
    )
    assert [(one.fact, one.source, one.confidence) for one in found.known_by] == [
        ("location.countries[1]", "site_network", "attested"),
        ("location.countries[0]", "claim", "declared"),
    ]
    one = Location(countries=(Country("JP"),), source=LocationSource.GEOIP, confidence=Confidence.INFERRED)
    assert [(line.fact, line.source, line.confidence) for line in one.known_by] == [
        ("location.countries[0]", "geoip", "inferred")
    ]
    none = Location(countries=(), source=LocationSource.NONE, confidence=Confidence.UNKNOWN)
    assert [(line.fact, line.source, line.confidence) for line in none.known_by] == [
        ("location.countries", "none", "unknown")
    ]
