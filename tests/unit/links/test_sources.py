"""What a configuration names on disk: loaded whole, or every problem of all of it in one error."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from gateway.config import Config, PostgresTls, TlsServer
from gateway.config_load import load
from gateway.errors import ConfigError
from gateway.links.secret import secret
from gateway.links.sources import (
    hash_key,
    load_all,
    load_secrets,
    load_sources,
    packaged_policies,
    registry_of,
)
from gateway.links.watch import signature
from tests.houses import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, None)


def config(house: House) -> Config:
    return load(house.layout.config, {})


def problems(of, *arguments) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        of(*arguments)
    return list(caught.value.problems)


def test_everything_is_loaded(house):
    before = signature(house.layout.registry)
    sources, secrets = load_all(config(house))

    assert sources.registry.people
    assert sources.policy_directory == packaged_policies()
    assert sources.registry_seen == before
    assert set(secrets.profiles) == {("messenger", "engineer"), ("messenger", "moderator")}
    assert secrets.profiles["messenger", "engineer"].user == "sekisho_engineer"
    assert secrets.twins["messenger"].user == "sekisho_twin"
    assert secrets.twins["messenger"].password is None


def test_problems_of_all_sources_are_in_one_error(house, tmp_path):
    """Registry, rules, sites, keys and passwords: a person mends them in one go."""
    policies = tmp_path / "policies"
    shutil.copytree(packaged_policies(), policies)
    with (policies / "house" / "employer" / "employer.rego").open("a") as file:
        file.write("\nnonsense {\n")
    people = house.layout.registry / "people.yaml"
    people.write_text(people.read_text().replace("entity: line-cn", "entity: nobody"))
    house.layout.jwks.write_text("{}")
    empty = tmp_path / "password"
    empty.write_text("\n")
    good = config(house)
    source = good.datasources[0]
    source = replace(
        source,
        twin=replace(source.twin, password_file=empty),
        profiles=(replace(source.profiles[0], password_file=tmp_path / "gone"), *source.profiles[1:]),
    )
    bad = replace(good, datasources=(source,), policy=replace(good.policy, directory=policies))

    found = problems(load_all, bad)

    assert any("people.yaml" in one and "nobody" in one for one in found)
    assert any("employer.rego" in one for one in found)
    assert any("JSON Web Key Set" in one for one in found)
    assert f"{empty}: its first line is empty" in found
    assert f"{tmp_path / 'gone'}: cannot be read: No such file or directory" in found
    assert len(found) == len(set(found))


def test_places_that_the_registry_does_not_know(house):
    good = config(house)
    listener = replace(good.listeners.postgres[0], site="atlantis")
    bad = replace(
        good,
        listeners=replace(good.listeners, postgres=(listener,)),
        datasources=(replace(good.datasources[0], id="warehouse"),),
    )

    assert problems(load_sources, bad) == [
        f"listeners.postgres {listener.address}: site atlantis is not in the registry",
        "datasource warehouse: not in the registry's catalog",
    ]


def test_row_filters_that_are_none_are_told_at_start(house, tmp_path):
    good = config(house)
    folder = tmp_path / "other"
    shutil.copytree(good.registry.directory, folder)
    catalog = folder / "catalog.yaml"
    catalog.write_text(
        catalog.read_text().replace("    tables:", "    row_filters: {all: 'true) OR (true'}\n    tables:", 1)
    )
    bad = replace(good, registry=replace(good.registry, directory=folder))

    assert problems(load_sources, bad) == ["registry, datasource messenger: the row filter all does not parse"]


def test_every_issuer_is_looked_at(house, tmp_path):
    """An issuer whose file is missing does not hide that another's keys are secret."""
    good = config(house)
    leaked = tmp_path / "leaked.json"
    leaked.write_text(json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}))
    issuers = (
        replace(good.issuers[0], issuer="https://a.example", keys=tmp_path / "gone"),
        replace(good.issuers[0], issuer="https://b.example", keys=leaked),
    )

    found = problems(load_secrets, replace(good, issuers=issuers))

    assert any("https://a.example" in one and "No such file" in one for one in found)
    assert any("https://b.example" in one and "secret" in one for one in found)


@pytest.mark.parametrize(
    ("content", "found"), [("word", "word"), ("word\n", "word"), ("word\r\nmore", "word"), (" spaced ", " spaced ")]
)
def test_a_secret_is_the_first_line(tmp_path, content, found):
    path = tmp_path / "password"
    path.write_bytes(content.encode())
    assert secret(path) == found


@pytest.mark.parametrize("content", [b"", b"\nsecond", b"\r\n", b"\xff"])
def test_what_is_no_secret(tmp_path, content):
    path = tmp_path / "password"
    path.write_bytes(content)
    (problem,) = problems(secret, path)
    assert problem.startswith(f"{path}: ")


def test_the_hash_key_is_made_once_for_its_owner_only(house):
    path = house.layout.record / "hash.key"
    was = os.umask(0)
    try:
        key = hash_key(config(house))
    finally:
        os.umask(was)

    assert path.stat().st_mode & 0o777 == 0o600
    assert len(key) == 64
    assert hash_key(config(house)) == key
    assert [entry.name for entry in house.layout.record.iterdir()] == ["hash.key"]


def test_a_crash_while_the_key_was_made_leaves_none(house):
    unfinished = house.layout.record / "hash.key.unfinished"
    unfinished.write_text("ha")
    assert len(hash_key(config(house))) == 64
    assert not unfinished.exists()


@pytest.mark.parametrize("content", ["", "short"])
def test_a_key_that_can_be_guessed_is_refused(house, content):
    path = house.layout.record / "hash.key"
    path.write_text(content)
    (problem,) = problems(hash_key, config(house))
    assert problem.startswith(f"{path}: the key is shorter than")


def test_a_configured_key_is_never_made(house, tmp_path):
    good = config(house)
    path = tmp_path / "key"
    mine = replace(good, record=replace(good.record, hash_key_file=path))
    assert problems(hash_key, mine) == [f"{path}: No such file or directory"]
    path.write_text("0123456789" * 4 + "\n")
    assert hash_key(mine) == b"0123456789" * 4


def _without_places(house: House) -> Config:
    """A configuration by which nothing tells where anybody is."""
    networks = house.layout.registry / "networks.yaml"
    networks.write_text(networks.read_text().replace("direct: true, ", ""))
    good = config(house)
    listeners = tuple(replace(one, site=None) for one in good.listeners.postgres)
    return replace(good, listeners=replace(good.listeners, postgres=listeners))


def test_rules_that_need_a_country_need_somebody_who_tells_one(house):
    found = problems(load_sources, _without_places(house))
    named = {problem.partition(" needs")[0] for problem in found}
    assert named >= {"policy rule house-location-known", "policy rule house-trip-mask"}
    for word in ("direct: true", "bind a listener to a site", "country_claim", "registry.countries", "shadow"):
        assert word in found[0]


def test_a_listener_bound_to_a_vpn_exit_tells_no_country(house):
    lost = _without_places(house)
    bound = tuple(replace(one, site="tokyo-vpn") for one in lost.listeners.postgres)
    assert problems(load_sources, replace(lost, listeners=replace(lost.listeners, postgres=bound)))
    bound = (replace(bound[0], site="tokyo-hq"),)
    assert load_sources(replace(lost, listeners=replace(lost.listeners, postgres=bound))).registry.people


def test_a_claim_tells_a_country(house):
    lost = _without_places(house)
    claims = tuple(replace(issuer, country_claim="country") for issuer in lost.issuers)
    assert load_sources(replace(lost, issuers=claims)).registry.people


def test_a_country_database_is_part_of_the_registry(house, tmp_path):
    path = tmp_path / "countries.mmdb"
    writer = MMDBWriter(database_type="Test-Country")
    writer.insert_network(IPSet(["8.8.8.0/24"]), {"country": {"iso_code": "US"}})
    writer.to_db_file(str(path))
    lost = _without_places(house)
    without = load_sources(config(house)).registry
    configured = replace(lost, registry=replace(lost.registry, countries=path))
    found = load_sources(configured).registry
    assert found.countries is not None
    assert found.revision != without.revision
    again = registry_of(configured, found)
    assert (again.countries, again.revision) == (found.countries, found.revision)
    path.write_bytes(b"no database")
    assert problems(load_sources, configured)[0].startswith(f"{path}: not a MaxMind database")


def test_ownership_tests_of_the_policy_are_asked_of_the_registry(house):
    assert [test.id for test in load_sources(config(house)).registry.controls.tests] == ["us-dsp-202"]


def test_every_certificate_that_cannot_be_used_is_told(house, test_ca, tmp_path):
    """Of every door and every database, before one of them is opened."""
    (tmp_path / "none.pem").write_text("no certificate")
    one, other, good = test_ca.issue("localhost"), test_ca.issue("localhost"), config(house)
    mixed = TlsServer(certificate=one.certificate, key=other.key)
    clients = PostgresTls(certificate=one.certificate, key=one.key, client_ca=tmp_path / "none.pem")
    listeners = replace(
        good.listeners,
        postgres=(replace(good.listeners.postgres[0], tls=clients),),
        grpc=replace(good.listeners.grpc, tls=mixed),
        http=replace(good.listeners.http, tls=mixed),
    )
    source = replace(good.datasources[0], tls="verify-full", ca=tmp_path / "nowhere.pem")
    found = problems(load_secrets, replace(good, listeners=listeners, datasources=(source,)))
    assert found == [
        f"{tmp_path / 'nowhere.pem'}: No such file or directory",
        f"{tmp_path / 'none.pem'}: no certificate or crl found",
        *[f"{one.certificate} with {other.key}: key values mismatch"] * 2,
    ]
