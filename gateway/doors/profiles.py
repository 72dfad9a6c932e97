"""Who may ask about a datasource or service at all: the first profile that fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from gateway.config import Config, Profile
from gateway.config_services import Audience
from gateway.errors import AuthenticationError, Reason
from gateway.facts.registry import Registry
from gateway.model import DatasourceId, Principal

# Of a datasource with the role they get, of a service without.
Fits = TypeVar("Fits", Profile, Audience)


class Profiles:
    """Those of a configuration."""

    def __init__(self, config: Config) -> None:
        self._profiles = {source.id: source.profiles for source in config.datasources}
        self._audiences = {service.id: service.profiles for service in config.services}

    def profile(self, datasource: str, registry: Registry, principal: Principal, at: int) -> Profile:
        """The profile of a datasource. Raises AuthenticationError."""
        profiles = self._profiles.get(datasource)
        if profiles is None:
            raise AuthenticationError(Reason.DATASOURCE_UNKNOWN, "no datasource of that name is configured")
        return choose_profile(profiles, registry, DatasourceId(datasource), principal, at)

    def name(self, datasource: str, registry: Registry, principal: Principal, at: int) -> str:
        """The name of the profile of a datasource or service. Raises AuthenticationError."""
        audiences = self._audiences.get(datasource)
        if audiences is None:
            return self.profile(datasource, registry, principal, at).name
        return choose_profile(audiences, registry, DatasourceId(datasource), principal, at).name


def choose_profile(
    profiles: Sequence[Fits], registry: Registry, datasource: DatasourceId, principal: Principal, at: int
) -> Fits:
    """The first profile that fits the principal's groups and employer. Raises AuthenticationError."""
    source = registry.catalog.get(datasource)
    if source is None:
        raise AuthenticationError(Reason.DATASOURCE_UNKNOWN, "no datasource of that name is configured")
    entity = registry.employer(principal, source.controller, at).entity
    for profile in profiles:
        fits = not profile.groups or set(profile.groups) & set(principal.groups)
        if fits and (not profile.entities or entity in profile.entities):
            return profile
    raise AuthenticationError(Reason.PROFILE_NONE, "no profile of the datasource fits the groups and the employer")
