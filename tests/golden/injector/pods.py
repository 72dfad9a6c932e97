"""Golden pods: ``<case>.before.yaml`` is what a team writes, ``<case>.after.yaml`` what the cluster then runs.

After a denial the second file says why; warnings are told below a second ``---``. Cases called ``classic-*`` are for
the classic form, ``remote-*`` for an installation whose record is elsewhere before bytes go on, ``port-*`` for one
whose sidecar has another port than PostgreSQL's. After a wanted change, write the second files anew and read the
difference: ``python -m tests.golden.injector.pods``
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

from gateway.injector.answers import Denied
from gateway.injector.json_patch import apply
from gateway.injector.patch import inject
from gateway.injector.settings import Form, Image, InjectorSettings

FOLDER = Path(__file__).resolve().parent
CASES = sorted(path.name.removesuffix(".before.yaml") for path in FOLDER.glob("*.before.yaml"))


def settings_of(case: str) -> InjectorSettings:
    """One installation; the record's claim is one per team, named by the pod."""
    return InjectorSettings(
        image=Image(repository="registry.example/sekisho", tag="0.1.0", digest="sha256:" + "5e" * 32),
        own_namespace="sekisho-system",
        config_secret="sekisho-config",
        registry_map="sekisho-registry",
        record_sink="kafka" if case.startswith("remote-") else "",
        postgres_port=6432 if case.startswith("port-") else 5432,
        form=Form.CLASSIC if case.startswith("classic-") else Form.NATIVE,
    )


def before(case: str) -> dict[str, Any]:
    """The pod as it was written."""
    pod = yaml.safe_load((FOLDER / f"{case}.before.yaml").read_text(encoding="utf-8"))
    assert isinstance(pod, dict)
    return pod


def after(case: str) -> list[Any]:
    """What is expected of it: the pod, and warnings where there are some."""
    return list(yaml.safe_load_all((FOLDER / f"{case}.after.yaml").read_text(encoding="utf-8")))


def answer(pod: dict[str, Any], settings: InjectorSettings) -> list[Any]:
    """What the injector makes of a pod, in the form of the second file."""
    given = copy.deepcopy(pod)
    found = inject(pod, settings)
    assert pod == given, "the pod itself was changed"
    if isinstance(found, Denied):
        return [{"denied": found.reason.value, "detail": found.detail}]
    told = [{"warnings": list(found.warnings)}] if found.warnings else []
    return [apply(pod, found.operations), *told]


def main() -> None:
    """Write what is expected anew."""
    for case in CASES:
        text = yaml.safe_dump_all(answer(before(case), settings_of(case)), sort_keys=False, width=110)
        (FOLDER / f"{case}.after.yaml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
