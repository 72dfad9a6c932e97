"""`sekisho audit`: what it says of a record, and that whoever reads one is in it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.cli import main
from gateway.demo.characters import SATO
from gateway.demo.database import Database
from tests.houses import House
from tests.unit.audit.chains import write_record
from tests.unit.audit.signing import lay_signed, signer

ROOT = Path(__file__).parents[2]


def sekisho(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["audit", *map(str, arguments)])


@pytest.fixture(scope="module")
def written(messenger: Database) -> Iterator[Path]:
    """A record that a gateway wrote."""
    with tempfile.TemporaryDirectory(prefix="sekisho-cli-") as directory:
        house = House(Path(directory), messenger).start()
        with house.connect(SATO) as connection:
            connection.execute("SELECT name FROM users WHERE id = 5")
        house.stop()
        yield house.layout.record


@pytest.fixture
def record(written: Path, tmp_path: Path) -> Path:
    """The same, and nobody has read it."""
    return Path(shutil.copytree(written, tmp_path / "record"))


def test_verify_of_a_whole_record(record: Path) -> None:
    result = sekisho("verify", record)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("whole: ")
    assert json.loads(sekisho("verify", record, "--json").stdout)["ok"] is True


def test_verify_of_a_broken_record(record: Path) -> None:
    segment = next(record.glob("*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b"gateway_start", b"gateway_smart"))
    result = sekisho("verify", record)
    assert result.exit_code == 1
    assert result.stdout.startswith("BROKEN: ")
    assert json.loads(sekisho("verify", record, "--json").stdout)["ok"] is False


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_verify_by_several_says_the_same(tmp_path: Path, form: tuple[str, ...]) -> None:
    write_record(tmp_path, 60)
    broken = sorted(tmp_path.glob("*.jsonl"))[2]
    for edit in (b'"kind"', b'"mind"'):
        broken.write_bytes(broken.read_bytes().replace(b'"kind"', edit, 3))
        alone, several = (sekisho("verify", tmp_path, "--jobs", jobs, *form) for jobs in ("1", "2"))
        assert (several.exit_code, several.output) == (alone.exit_code, alone.output)
        assert alone.exit_code == (edit == b'"mind"')


@pytest.mark.parametrize("what", ["empty", "gone"])
def test_verify_of_nothing_is_not_judged(tmp_path: Path, what: str) -> None:
    folder = tmp_path if what == "empty" else tmp_path / "gone"
    result = sekisho("verify", folder)
    assert result.exit_code == 3
    assert result.stdout.startswith("NOT JUDGED")


def test_keygen_makes_a_pair_and_verify_takes_the_public_one(tmp_path: Path) -> None:
    done = sekisho("keygen", tmp_path / "record.key")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "record.key").stat().st_mode & 0o777 == 0o600
    assert sekisho("keygen", tmp_path / "record.key").exit_code == 2
    lay_signed(tmp_path / "record")
    (tmp_path / "test.pub").write_bytes(
        signer().key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    done = sekisho("verify", tmp_path / "record", "--key", tmp_path / "test.pub")
    assert (done.exit_code, "heads speak for" in done.output) == (0, True), done.output
    done = sekisho("verify", tmp_path / "record", "--key", tmp_path / "record.key.pub")
    assert done.exit_code == 6, done.output
    assert "key_unknown" in done.output
    done = sekisho("verify", tmp_path / "record", "--key", tmp_path / "nowhere.pub")
    assert done.exit_code == 6
    assert "nowhere.pub" in done.output + done.stderr
