"""The vocabulary of the configuration: frozen, safe by default, every field explained."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from gateway import config as c

KINDS = [kind for kind in vars(c).values() if isinstance(kind, type) and dataclasses.is_dataclass(kind)]
SECTIONS = {kind.__name__ for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_field_has_a_help_text_of_one_line(kind):
    for item in dataclasses.fields(kind):
        assert item.metadata["help"], item.name
        assert "\n" not in item.metadata["help"]
        assert "|" not in item.metadata["help"], "it is a cell of README's table"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_required_field_has_no_default_and_every_other_has_one(kind):
    for item in dataclasses.fields(kind):
        has_default = item.default is not dataclasses.MISSING or item.default_factory is not dataclasses.MISSING
        assert has_default is not item.metadata["required"], item.name


def test_values_are_frozen_and_have_no_room_for_typing_errors():
    limits = c.Limits()
    with pytest.raises(dataclasses.FrozenInstanceError):
        limits.sessions = 1
    with pytest.raises(TypeError):
        c.Limits(session=1)


def test_defaults_are_the_safe_ones():
    listener = c.PostgresListener(address="0.0.0.0:5432")
    assert (listener.plaintext, listener.edges, listener.site) == ("never", (), None)
    twin = c.Twin(role="twin")
    assert twin.accept_logged_trees is False
    assert c.Datasource(id="a", host="h", database="d", twin=twin, profiles=()).tls == "verify-full"
    issuer = c.Issuer(issuer="i", audience="a", keys=Path("k"))
    assert all(name[:2] in ("ES", "RS", "Ed") for name in issuer.algorithms)
    assert issuer.country_claim is None
    assert issuer.purpose_claim is None


def test_secrets_are_named_as_files_only():
    """A field that could hold a secret is a Path: the value itself is never in the configuration."""
    for kind in KINDS:
        for item in dataclasses.fields(kind):
            if any(word in item.name for word in ("password", "secret", "key", "token")):
                if item.type.startswith("tuple[") and item.type.removeprefix("tuple[").partition(",")[0] in SECTIONS:
                    continue  # a list of sections, whose own fields are looked at
                assert item.type in ("Path", "Path | None"), f"{kind.__name__}.{item.name}"
