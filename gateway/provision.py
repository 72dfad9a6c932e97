"""``sekisho provision``: the script for the database behind one datasource, from configuration and registry.

The catalog has no columns per profile, so each profile's role is granted every column that is labelled, a line for
each: whoever runs the script first takes out what a profile never needs. What is not labelled is not granted.
"""

from __future__ import annotations

from collections.abc import Collection

from gateway.config import Config, Datasource
from gateway.errors import ConfigError
from gateway.facts.catalog import Table
from gateway.links.sources import load_sources
from gateway.model import DatasourceId
from gateway.policy.metadata import rule_table
from gateway.sql.provision import Grant, ProfileGrants, provision_sql
from gateway.strictness import strictness


def provision(
    config: Config,
    *,
    datasource: str | None,
    profiles: Collection[str] = (),
    keyed_hash: bool = False,
    epoch_trigger: bool = False,
) -> str:
    """The script. ``profiles``: only these; none: all of the datasource. Raises ConfigError."""
    source = _datasource(config, datasource)
    sources = load_sources(config)
    rules = rule_table(sources.bundle.modules, sources.bundle.data)
    labelled = sources.registry.catalog[DatasourceId(source.id)]
    unknown = sorted(set(profiles) - {profile.name for profile in source.profiles})
    if unknown:
        raise ConfigError([f"datasource {source.id} has no profile {name}" for name in unknown])
    grants = tuple(_grant(name, table) for name, table in sorted(labelled.tables.items()))
    roles: dict[str, list[str]] = {}  # one role may serve several profiles
    for profile in source.profiles:
        if not profiles or profile.name in profiles:
            roles.setdefault(profile.role, []).append(f"profile {profile.name}")
    return provision_sql(
        database=source.database,
        twin_role=source.twin.role,
        profiles=[ProfileGrants(role=role, names=tuple(names), grants=grants) for role, names in roles.items()],
        keyed_hash=keyed_hash,
        epoch_trigger=epoch_trigger,
        strict=strictness([source], rules, sources.registry)[source.id].strict,
    )


def _datasource(config: Config, wanted: str | None) -> Datasource:
    found = [source for source in config.datasources if wanted in (None, source.id)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(source.id for source in config.datasources)
    if wanted is None:
        raise ConfigError([f"--datasource: which one? {known}"])
    raise ConfigError([f"--datasource: no datasource {wanted}; there is {known}"])


def _grant(name: str, table: Table) -> Grant:
    schema, _, relation = name.partition(".")
    if not table.about_people:
        return Grant(schema=schema, relation=relation, whole=True)
    labels = {name: ", ".join(column.data_types) for name, column in table.columns.items()}
    return Grant(schema=schema, relation=relation, columns=tuple(table.columns), labels=labels)
