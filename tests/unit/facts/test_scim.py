import json
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.facts.registry import load_registry
from gateway.facts.scim import import_scim
from gateway.model import PrincipalId
from tests.unit.facts.world import write_registry

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
ISSUER = "https://id.example"


def user(name: str, **other: Any) -> dict[str, Any]:
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "userName": name,
        "displayName": name.title(),
        "active": True,
        ENTERPRISE: {"organization": "Shop = Inc."},
    } | other


def run(tmp_path: Path, *users: Any, document: Any = None) -> Any:
    path = tmp_path / "users.json"
    listed = {"schemas": [LIST], "totalResults": len(users), "Resources": list(users)}
    path.write_text(json.dumps(listed if document is None else document))
    return import_scim(path, tmp_path, issuer=ISSUER, subject="userName", entities={"Shop = Inc.": "shop"})


def test_users_become_people(tmp_path: Path) -> None:
    addresses = [{"type": "work", "country": "CN"}, {"type": "home", "country": "KR"}]
    groups = [{"display": "on call"}, {"display": "engineer"}, {"value": "x"}]
    found = run(tmp_path, user("kim", addresses=addresses, groups=groups), user("lee", active=False))
    assert (found.people, found.employed, found.left_out, found.organizations) == (2, 1, {}, {})
    people = load_registry(write_registry(tmp_path)).people
    kim, lee = people[PrincipalId(f"{ISSUER}#kim")], people[PrincipalId(f"{ISSUER}#lee")]
    assert (kim.name, kim.residence, kim.groups, kim.stay) == ("Kim", "KR", ("on-call", "engineer"), "unknown")
    assert [job.entity for job in kim.employments] == ["shop"]
    assert lee.employments == ()


def test_where_a_desk_is_is_no_residence(tmp_path: Path) -> None:
    run(tmp_path, user("kim", addresses=[{"type": "work", "country": "KR", "primary": True}]))
    assert load_registry(write_registry(tmp_path)).people[PrincipalId(f"{ISSUER}#kim")].residence is None


def test_two_homes_in_two_countries_are_no_residence(tmp_path: Path) -> None:
    run(tmp_path, user("kim", addresses=[{"type": "home", "country": code} for code in ("KR", "JP")]))
    assert ",KR," not in (tmp_path / "people.csv").read_text()


def test_organization_without_entity_is_told(tmp_path: Path) -> None:
    found = run(tmp_path, user("kim", **{ENTERPRISE: {"organization": "Other"}}), user("lee", **{ENTERPRISE: None}))
    assert found.organizations == {"(none)": 1, "Other": 1}
    assert found.employed == 0


def test_who_is_not_said_to_be_active_is_not_employed(tmp_path: Path) -> None:
    assert run(tmp_path, user("kim", active=None)).employed == 0


def test_users_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    found = run(tmp_path, user("kim"), user("kim"), user("", displayName="x"), user("a\u0000b"))
    assert found.left_out == {"user for the second time": 1, "user without userName": 2}


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"schemas": [LIST], "totalResults": 3, "Resources": [user("kim")]}, "one page of several"),
        ([1], "a user that is not an object"),
    ],
)
def test_odd_document_is_refused(tmp_path: Path, document: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        run(tmp_path, document=document)


def test_text_that_is_not_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    path.write_text("[" * 100_000)
    with pytest.raises(ConfigError, match="not JSON"):
        import_scim(path, tmp_path, issuer=ISSUER, subject="id", entities={})
    assert not (tmp_path / "people.csv").exists()


def test_list_and_single_user_are_taken(tmp_path: Path) -> None:
    assert run(tmp_path, document=[user("kim"), user("lee")]).people == 2
    assert run(tmp_path, document=user("kim")).people == 1
