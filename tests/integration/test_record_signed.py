"""A running gateway signs its record and anchors the heads; whoever rewrites it afterwards is found out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.audit.chain import GENESIS, canonical, link
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.heads import heads_path, load_signer
from gateway.audit.keys import KeyUse, make_keys
from gateway.audit.sealing import load_reader
from gateway.cli import main
from gateway.demo.characters import SATO
from tests.houses import House
from tests.integration.postgres_wire import until

pytestmark = pytest.mark.integration


def _forge(record: Path) -> None:
    """Rewrite the gateway's chain from its first statement on, and everything beside it that is not signed."""
    (path,) = record.glob("gateway.0*.jsonl")
    made, prev, seq = [], GENESIS, -1
    for raw in path.read_bytes().splitlines():
        entry = json.loads(raw)
        seq = entry["seq"]
        for name in ("seq", "prev", "hash"):
            del entry[name]
        entry.pop("person", None)
        line, prev = link(canonical(entry), seq, prev)
        made.append(line)
    path.write_bytes(b"".join(made))
    state = Checkpoint(writer="gateway", segment=0, seq=seq, hash=prev, closed=True)
    (record / "gateway.head.json").write_bytes(state.slot()[0])


def test_a_record_is_signed_and_anchored_while_it_is_written(new_house: Callable[..., House], tmp_path: Path) -> None:
    public = make_keys(tmp_path / "record.key", KeyUse.SIGNING)
    vault = tmp_path / "vault"
    reading = make_keys(tmp_path / "auditor.key", KeyUse.READING)
    signing = {"key": str(tmp_path / "record.key"), "interval": 1}
    house = new_house(
        {
            "record": {
                "signing": signing,
                "anchors": [{"name": "vault", "directory": str(vault)}],
                "raw_statements": {"recipient": str(reading)},
            }
        }
    )
    record = house.layout.record
    with house.connect(SATO) as connection:
        connection.execute("SELECT count(*) FROM stickers WHERE name <> 'Cony'")
        connection.execute("SELECT count(*) FROM stickers WHERE name <> 'Brown'")
        until(lambda: heads_path(vault, "gateway").exists(), seconds=20)
    house.stop()
    reader = load_reader(tmp_path / "auditor.key")
    kept = [
        one.get("statement_sealed") or one["statement"]["sealed"]
        for one in house.entries()
        if "statement" in one or "statement_sealed" in one
    ]
    assert {"'Cony'", "'Brown'"} <= {reader.open(one).rpartition(" ")[2] for one in kept}
    assert not any(b"Brown" in path.read_bytes() for path in record.glob("gateway.0*.jsonl"))

    def verify(*options: str | Path) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["audit", "verify", str(record), *map(str, options)])
        return done.exit_code, done.output

    everything = ("--key", public, "--anchor", vault)
    code, text = verify(*everything)
    assert code == 0, text
    assert "later ones are not signed yet" in text
    assert heads_path(vault, "gateway").read_bytes() == heads_path(record, "gateway").read_bytes()
    assert load_signer(tmp_path / "record.key").key_id in heads_path(vault, "gateway").read_text()
    _forge(record)
    assert verify()[0] == 0, "it holds in itself"
    code, text = verify("--key", public)
    assert (code, "rewritten" in text) == (1, True), text
    heads_path(record, "gateway").unlink()
    code, text = verify("--anchor", vault)
    assert (code, "anchor" in text) == (1, True), text
