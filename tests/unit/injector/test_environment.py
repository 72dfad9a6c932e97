from __future__ import annotations

from typing import Any

import pytest

from gateway.injector.answers import Deny, Refusal
from gateway.injector.environment import Environment, environment, names_of


def spec(*variables: dict, **more: Any) -> dict[str, Any]:
    return {"containers": [{"name": "api", "env": list(variables), **more}]}


def value(name: str, text: str) -> dict[str, str]:
    return {"name": name, "value": text}


def refused(given: dict[str, Any], *names: str) -> str:
    with pytest.raises(Deny) as caught:
        environment(given, names, 5432)
    assert caught.value.denied.reason is Refusal.REWRITE_IMPOSSIBLE
    return caught.value.denied.detail


def test_names_are_told_by_the_annotation():
    assert names_of({}) == ()
    assert names_of({"sekisho.dev/rewrite-env": " PGHOST, a.b-c ,PGHOST"}) == ("PGHOST", "a.b-c")


@pytest.mark.parametrize("text", ["", " ", "A,", "A B", "1A", "A=B", True, ["A"], ",".join(f"A{n}" for n in range(33))])
def test_an_annotation_that_says_nothing_is_denied(text):
    with pytest.raises(Deny) as caught:
        names_of({"sekisho.dev/rewrite-env": text})
    assert caught.value.denied.reason is Refusal.ANNOTATION_INVALID


def test_nothing_is_rewritten_that_is_not_named():
    assert environment(spec(value("PGHOST", "db")), (), 5432) == Environment()


def test_operations_name_the_place():
    given = {
        "initContainers": [{"name": "sekisho", "env": [value("H", "db")]}, {"name": "m", "env": [value("H", "db")]}],
        "containers": [{"name": "a"}, {"name": "b", "env": [value("X", "y"), value("H", "db"), value("H", "db2")]}],
    }
    assert environment(given, ("H",), 5432) == Environment(
        tuple(
            {"op": "replace", "path": f"/spec/{path}/value", "value": "127.0.0.1"}
            for path in ("initContainers/1/env/0", "containers/1/env/1", "containers/1/env/2")
        )
    )


def test_what_is_there_already_needs_no_operation():
    assert environment(spec(value("H", "127.0.0.1")), ("H",), 5432) == Environment()


def test_what_cannot_be_rewritten_is_told_without_its_value():
    assert "valueFrom" in refused(spec({"name": "H", "valueFrom": {"secretKeyRef": {}}}), "H")
    assert "envFrom" in refused(spec(), "H")
    assert "H2 under" in refused(spec(value("H", "db")), "H", "H2")
    assert "secret" not in refused(spec(value("URL", "mysql://u:secret@db")), "URL")
    assert "empty" in refused(spec({"name": "H"}), "H")


def test_a_value_that_is_no_text_is_malformed():
    with pytest.raises(Deny) as caught:
        environment(spec({"name": "H", "value": 5432}), ("H",), 5432)
    assert caught.value.denied.reason is Refusal.POD_MALFORMED


def test_warnings():
    def warned(given: dict[str, Any], *names: str, port: int = 6432) -> list[str]:
        return [text.removeprefix("container api: ") for text in environment(given, names, port).warnings]

    (port,) = warned(spec(value("H", "db")), "H")
    assert port.startswith("the sidecar listens on port 6432")
    assert warned(spec(value("H", "db")), "H", port=5432) == []
    assert warned(spec(value("H", "db"), value("P", "5432")), "H", "P") == []
    assert warned(spec(value("H", "db:5432")), "H") == []
    (mode,) = warned(spec(value("H", "db:1"), value("PGSSLMODE", "require")), "H")
    assert "PGSSLMODE is require" in mode
    assert warned(spec(value("H", "db:1"), value("PGSSLMODE", "prefer")), "H") == []
    both = spec(value("H", "db:1"))
    both["containers"].append({"name": "other", "envFrom": [{"secretRef": {"name": "s"}}]})
    (elsewhere,) = environment(both, ("H",), 5432).warnings
    assert elsewhere == "container other: not rewritten if it comes from `envFrom`: H"
