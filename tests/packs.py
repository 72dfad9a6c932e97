"""Policies of a test's own: the packs that come with Sekisho, and a rule more that names a relation.

It is a rule as a house writes it, with METADATA, a row and a finding: what users reported is read by the moderation
team. None of the packaged rules names a relation: they go by data types, whatever the table is called.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from gateway.links.sources import packaged_policies
from gateway.policy.bundle import Bundle, load_bundle

RULE = "house-reports"
_MODULE = """
# METADATA
# title: "Reports are read by the moderation team"
# description: |
#   Needs statement.relations and principal.groups.
# scope: rule
# custom:
#   id: house-reports
#   layer: house
#   citation: "House policy: who reported whom"
#   effective_from: 2021-04-23
#   mode: {mode}
#   relations: [{relations}]
passed contains "house-reports" if _reports_kept

_reports_kept if not _reports_read

_reports_kept if "moderator" in input.principal.groups

_reports_read if "public.moderation_queue" in input.statement.relations

findings contains lib.finding("house-reports", {{
	"message": "what users reported is read by the moderation team",
	"fact": "principal.groups",
	"value": input.principal.groups,
	"remedy": "ask somebody of the moderation team",
}}) if {{
	not _reports_kept
}}
"""
_ROW = """  house-reports:
    title: Reports are read by the moderation team
    layer: house
    citation: "House policy: who reported whom"
    effective_from: "2021-04-23"
    effective_to: null
    mode: {mode}
    owner: security
    order: 110
"""


@cache
def packs() -> Bundle:
    """The packaged policies, loaded once in a process: for tests of what is done with them. Nobody changes it."""
    return load_bundle(packaged_policies())


def copy_policies(to: Path) -> Path:
    """The packaged policies, to be changed."""
    shutil.copytree(packaged_policies(), to)
    return to


def add_naming_rule(
    policies: Path, *, relations: Sequence[str] = ("messenger:public.moderation_queue",), mode: str = "enforce"
) -> None:
    """The rule, about these relations."""
    pack = policies / "house" / "subjects"
    module, data = pack / "subjects.rego", pack / "data.yaml"
    data.write_text(data.read_text().replace("rules:\n", "rules:\n" + _ROW.format(mode=mode), 1))
    names = ", ".join(f'"{name}"' for name in relations)
    module.write_text(module.read_text() + _MODULE.format(mode=mode, relations=names))


def enforce(policies: Path, pack: str, rule: str) -> None:
    """A rule that is only counted is acted on, as its owner would have it: in its row and in its METADATA."""
    folder = policies / pack
    for path, start in ((folder / "data.yaml", f"  {rule}:\n"), (folder / f"{folder.name}.rego", f"#   id: {rule}\n")):
        before, found, after = path.read_text().partition(start)
        assert found, path
        path.write_text(before + start + after.replace("mode: shadow", "mode: enforce", 1))


_HOSTILE = """

findings contains lib.finding("house-none", {{"message": "so many", "fact": "many", "value": count(slow)}}) if {{
	input.principal.database_user == "{user}"
	"public.stickers" in input.statement.relations
	slow := [x | some i in numbers.range(1, 1000); x := sum(numbers.range(i, 300000))]
}}
"""


def add_hostile_rule(policies: Path, user: str) -> None:
    """A rule that takes for ever over one person's statements on stickers, and nothing over anybody else's."""
    module = policies / "house" / "subjects" / "subjects.rego"
    module.write_text(module.read_text() + _HOSTILE.format(user=user))
