"""The script from configuration and registry: whose roles, which columns, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.config import Config, Policy
from gateway.config_load import load
from gateway.errors import ConfigError
from gateway.provision import provision
from tests.houses import House
from tests.packs import add_naming_rule, copy_policies


@pytest.fixture
def config(tmp_path) -> Config:
    return load(House(tmp_path, None).layout.config, {})


def lines(text: str, start: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(start)]


def quiet(text: str) -> int:
    return len([line for line in text.splitlines() if "SET log_min_messages = 'panic'" in line])


def test_every_labelled_column_is_granted_to_every_profile(config):
    text = provision(config, datasource=None)
    granted = lines(text, "GRANT SELECT")
    assert 'GRANT SELECT ("phone") ON "public"."users" TO "sekisho_engineer";  -- user.contact.phone_number' in granted
    assert 'GRANT SELECT ("created_at") ON "public"."users" TO "sekisho_engineer";' in granted
    assert 'GRANT SELECT ON "public"."stickers" TO "sekisho_moderator";' in granted
    assert len(granted) == 2 * len([line for line in granted if "sekisho_moderator" in line])
    assert "-- profile engineer" in text
    assert 'CREATE ROLE "sekisho_twin" LOGIN' in text
    assert "keyed_hash" not in text
    assert "EVENT TRIGGER" not in text


def test_one_profile_only_and_what_else_is_asked_for(config):
    text = provision(config, datasource="messenger", profiles=["moderator"], keyed_hash=True, epoch_trigger=True)
    assert "sekisho_engineer" not in text
    assert "sekisho.keyed_hash" in text
    assert "CREATE EVENT TRIGGER" in text


def test_of_a_strict_datasource_every_role_is_quiet(config):
    (source,) = config.datasources
    strict = replace(config, datasources=(replace(source, strict=True),))
    for text, roles in ((provision(config, datasource=None), 1), (provision(strict, datasource=None), 3)):
        assert quiet(text) == roles


@pytest.mark.parametrize(("said", "roles"), [(None, 3), (False, 1), (True, 3)])
def test_so_are_those_of_a_datasource_that_a_rule_names(config, tmp_path, said, roles):
    policies = copy_policies(tmp_path / "policies")
    add_naming_rule(policies)
    (source,) = config.datasources
    naming = replace(config, policy=Policy(directory=policies), datasources=(replace(source, strict=said),))
    assert quiet(provision(naming, datasource=None)) == roles


def test_one_role_of_two_profiles_is_made_once(config):
    (source,) = config.datasources
    same = tuple(replace(profile, role="both") for profile in source.profiles)
    text = provision(replace(config, datasources=(replace(source, profiles=same),)), datasource=None)
    assert len([line for line in text.splitlines() if 'CREATE ROLE "both"' in line]) == 1
    assert "-- profile engineer, profile moderator" in text


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"datasource": "other"}, "--datasource: no datasource other; there is messenger"),
        ({"datasource": None, "profiles": ["chief"]}, "datasource messenger has no profile chief"),
    ],
)
def test_what_is_not_there_is_refused(config, options, problem):
    with pytest.raises(ConfigError) as caught:
        provision(config, **options)
    assert caught.value.problems == (problem,)


def test_of_several_datasources_one_must_be_named(config):
    (source,) = config.datasources
    two = replace(config, datasources=(source, replace(source, id="ledger")))
    with pytest.raises(ConfigError) as caught:
        provision(two, datasource=None)
    assert caught.value.problems == ("--datasource: which one? messenger, ledger",)
    with pytest.raises(ConfigError) as caught:
        provision(two, datasource="ledger")
    assert caught.value.problems == ("datasource ledger: not in the registry's catalog",)
