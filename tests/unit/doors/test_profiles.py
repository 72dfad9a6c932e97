"""Which profile somebody has: the first that fits groups and employer, of a database and of a service alike."""

from __future__ import annotations

import pytest

from gateway.config import Profile
from gateway.config_services import Audience
from gateway.demo.characters import CHARACTERS, ISSUER
from gateway.demo.settings import DATASOURCE
from gateway.doors.profiles import choose_profile
from gateway.errors import AuthenticationError, Reason
from gateway.facts.registry import Registry, load_registry
from gateway.model import DatasourceId, Principal
from tests.worlds import NOW, REGISTRY

GROUPS = {one.subject: one.groups for one in CHARACTERS}
ENGINEER = Profile(name="engineer", role="r1", groups=("engineer",))
CHINESE = Profile(name="chinese", role="r2", entities=("line-cn", "dalian-monitor"))
ANYBODY = Profile(name="anybody", role="r3")


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry(REGISTRY)


def chosen(registry: Registry, who: str, *profiles: Profile, datasource: str = DATASOURCE) -> str:
    principal = Principal(
        issuer=ISSUER, subject=who, database_user=who, groups=GROUPS[who], mfa=True, expires_at=NOW + 3600
    )
    return choose_profile(profiles, registry, DatasourceId(datasource), principal, NOW).name


def test_the_first_profile_that_fits(registry: Registry) -> None:
    assert chosen(registry, "sato", ENGINEER, ANYBODY) == "engineer"
    assert chosen(registry, "sato", ANYBODY, ENGINEER) == "anybody"
    assert chosen(registry, "wang", ENGINEER, CHINESE, ANYBODY) == "chinese"
    assert chosen(registry, "kim", CHINESE, ANYBODY) == "anybody"
    both = Profile(name="both", role="r4", groups=("engineer",), entities=("line-plus",))
    assert chosen(registry, "kim", both, ANYBODY) == "both"
    assert chosen(registry, "sato", both, ANYBODY) == "anybody"


def test_a_service_has_audiences_without_a_role(registry: Registry) -> None:
    principal = Principal(issuer=ISSUER, subject="sato", database_user="sato", groups=("a",), expires_at=NOW + 3600)
    audiences = (Audience(name="others", groups=("b",)), Audience(name="some", groups=("a",)))
    assert choose_profile(audiences, registry, DatasourceId(DATASOURCE), principal, NOW).name == "some"


def test_no_profile_is_no_login(registry: Registry) -> None:
    for datasource, reason in ((DATASOURCE, Reason.PROFILE_NONE), ("elsewhere", Reason.DATASOURCE_UNKNOWN)):
        with pytest.raises(AuthenticationError) as caught:
            chosen(registry, "kim", CHINESE, datasource=datasource)
        assert caught.value.reason is reason
