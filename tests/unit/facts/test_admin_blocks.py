"""What `sekisho block` keeps: read back as it was written, refused where it is cut, and only ever added."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.facts.admin_blocks import FILE, AdminBlock, AdminBlocks, read_admin, read_file, written
from gateway.facts.blocks import Block
from gateway.facts.fields import Problems
from gateway.facts.period import Period
from gateway.facts.registry import load_registry
from gateway.model import Country, EntityId, PrincipalId
from tests.unit.facts.world import ISSUER, moment, principal, write_registry

_TEXT = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=40)


def block(number: int, **named: object) -> AdminBlock:
    found = Block(id=f"admin-{number}", period=Period(20_000, None), reason="why", file=FILE, **named)  # type: ignore[arg-type]
    return AdminBlock(block=found, by="os:ann", at="2026-11-22T09:00:00Z")


def problems(data: bytes) -> list[str]:
    found = Problems()
    read_admin(data, found)
    return found.listed()


@given(st.lists(st.tuples(_TEXT, st.sampled_from(["entity", "country", "principal"])), max_size=4))
def test_what_is_written_is_read_again(texts: list[tuple[str, str]]) -> None:
    whom = {"entity": EntityId("helper"), "country": Country("KR"), "principal": PrincipalId("https://i#'\"\\ a")}
    kept = []
    for number, (reason, kind) in enumerate(texts, 1):
        one = Block(
            id=f"admin-{number}",
            period=Period(20_000, 20_001),
            reason=reason,
            file=FILE,
            **{kind: whom[kind]},  # type: ignore[arg-type]
        )
        kept.append(AdminBlock(block=one, by=reason, at="2026-11-22T09:00:00Z"))
    found = Problems()
    read = read_admin(written(AdminBlocks(tuple(kept), len(kept) + 1)), found)
    assert found.listed() == []
    assert read.next == len(kept) + 1
    assert [(one.by, one.block.whom, one.block.reason) for one in read.kept] == [
        (one.by, one.block.whom, one.block.reason) for one in kept
    ]


def test_file_that_is_cut_is_refused_wherever_it_is_cut() -> None:
    whole = written(AdminBlocks((block(1, country=Country("KR")), block(2, country=Country("CN"))), 3))
    assert problems(whole) == []
    for length in range(len(whole.rstrip())):
        assert problems(whole[:length]), length


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("next: 1\n...\n", "'blocks' is missing"),
        ("blocks: []\n...\n", "'next' is missing"),
        ("next: 1\nblocks: [{id: x, country: KR, by: a, at: b}]\n...\n", "ids in this file begin with 'admin-'"),
        ("next: 1\nblocks: [{id: admin-1, country: KR, at: b}]\n...\n", "'by' is missing"),
        (
            "next: 1\nblocks: [{id: admin-1, entity: d, by: a, at: b}, {id: admin-1, entity: e, by: a, at: b}]\n...",
            "a block stands twice, or there are more than 10000",
        ),
    ],
)
def test_odd_file_is_refused(text: str, problem: str) -> None:
    assert any(problem in found for found in problems(text.encode()))


def test_file_that_is_not_there_blocks_nobody(tmp_path: Path) -> None:
    assert read_file(tmp_path / FILE) is None
    with pytest.raises(ConfigError, match="Is a directory"):
        read_file(tmp_path)


def test_they_are_part_of_the_revision_and_lift_no_block_of_the_registry(tmp_path: Path) -> None:
    write_registry(tmp_path, blocks="blocks: [{id: stop, country: KR}]\n")
    admin = tmp_path / "state" / FILE
    admin.parent.mkdir()
    before = load_registry(tmp_path, admin=admin)
    admin.write_bytes(written(AdminBlocks((block(1, entity=EntityId("shop")),), 2)))
    after = load_registry(tmp_path, admin=admin)
    assert after.revision != before.revision
    assert [one.id for one in after.entities.blocks] == ["admin-1", "stop"]
    emptied = after.with_blocks(admin=written(AdminBlocks((), 2)))
    assert [one.id for one in emptied.entities.blocks] == ["stop"]
    assert before.with_blocks(admin=admin.read_bytes()).revision == after.revision


def test_block_of_an_entity_that_is_gone_is_lifted_in_words_only(tmp_path: Path) -> None:
    """Else a new name for the entity would lift it."""
    write_registry(tmp_path)
    admin = tmp_path / "state" / FILE
    admin.parent.mkdir()
    admin.write_bytes(written(AdminBlocks((block(1, entity=EntityId("gone")),), 2)))
    with pytest.raises(ConfigError) as caught:
        load_registry(tmp_path, admin=admin)
    assert caught.value.problems == (
        f"{admin}:4: 'admin-1' blocks 'gone', which is no entity of the registry: sekisho unblock admin-1",
    )
    # read alone it stops nobody, and keeps no other block from coming into force
    running = load_registry(tmp_path).with_blocks(admin=admin.read_bytes())
    assert [one.id for one in running.entities.blocks] == ["admin-1"]


def test_file_that_is_gone_lifts_nothing(tmp_path: Path) -> None:
    write_registry(tmp_path)
    admin = tmp_path / "state" / FILE
    admin.parent.mkdir()
    admin.write_bytes(written(AdminBlocks((block(1, entity=EntityId("shop")),), 2)))
    running = load_registry(tmp_path, admin=admin)
    admin.unlink()
    with pytest.raises(ConfigError, match="the file is gone, and lifts no block"):
        load_registry(tmp_path, running, admin=admin)


@pytest.mark.parametrize(
    ("blocked", "who", "stopped"),
    [
        (f"{ISSUER}#ann", "ann", True),
        ("https://other#ann", "ann", True),  # another name of hers
        (f"{ISSUER}#bob", "ann", False),
        (f"{ISSUER}#stranger", "stranger", True),
    ],
)
def test_one_person_is_blocked_by_any_of_their_names(tmp_path: Path, blocked: str, who: str, stopped: bool) -> None:
    people = """\
people:
  - name: Ann
    identities: [{issuer: https://id.test.example, subject: ann}, {issuer: https://other, subject: ann}]
    employments: [{entity: shop, from: 2020-01-01}]
"""
    blocks = f"blocks: [{{id: stop, principal: '{blocked}', from: 2021-01-01, to: 2022-01-01}}]\n"
    registry = load_registry(write_registry(tmp_path, people=people, blocks=blocks))

    def by(at: str) -> str | None:
        return registry.employer(principal(who), EntityId("shop"), moment(at)).blocked_by

    assert by("2021-06-01") == ("stop" if stopped else None)
    assert by("2020-12-31") is by("2022-01-01") is None
    assert registry.next_change(moment("2020-12-31")) == moment("2021-01-01")
