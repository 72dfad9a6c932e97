import zipfile
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.facts import gleif_read
from gateway.facts.gleif_read import ExceptionRecord, LeiRecord, exception_records, lei_records, relationship_records
from tests.unit.facts.gleif_files import CHILD, PARENT, SECRET, write_csv, write_xml

NAMESPACE = "xmlns:lei='http://www.gleif.org/data/schema/leidata/2016'"


def test_records_are_read_from_an_archive_as_from_the_file(tmp_path: Path) -> None:
    for level1, relationships, exceptions in (write_xml(tmp_path), write_csv(tmp_path)):
        for path, read in (
            (level1, lei_records),
            (relationships, relationship_records),
            (exceptions, exception_records),
        ):
            archive = tmp_path / f"{path.name}.zip"
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
                file.write(path, path.name)
            assert list(read(archive)) == list(read(path))  # type: ignore[operator]


def test_fields_are_those_of_the_record(tmp_path: Path) -> None:
    level1, relationships, exceptions = write_xml(tmp_path)
    first = next(lei_records(level1))
    assert first == LeiRecord(PARENT, "Parent AG", "DE", "DE", "ACTIVE", "ISSUED")  # type: ignore[arg-type]
    relationship = next(relationship_records(relationships))
    assert (relationship.child, relationship.parent, relationship.end) == (CHILD, PARENT, None)
    exception = next(exception_records(exceptions))
    assert exception == ExceptionRecord(SECRET, "DIRECT_ACCOUNTING_CONSOLIDATION_PARENT", ("NON_PUBLIC", "NO_LEI"))


BOMB = """<?xml version='1.0'?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;">]>
<lei:LEIData {0}><lei:LEIRecord><lei:LEI>&lol2;</lei:LEI></lei:LEIRecord></lei:LEIData>"""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (BOMB.format(NAMESPACE), "not XML that is taken"),
        (f"<!DOCTYPE x SYSTEM 'file:///etc/hostname'><lei:LEIData {NAMESPACE}/>", "not XML that is taken"),
        (f"<lei:LEIData {NAMESPACE}/>", "no LEIRecord in it"),
        ("<a>" * 40, "nested deeper than 32 levels"),
        ("<a></b>", "not XML"),
        ("LEI,Name\n", "no column Entity.LegalName"),
        ("LEI,Entity.LegalName\nx\n", ":2: 1 fields, where 2 are wanted"),
        ('LEI,Entity.LegalName\n"x', "not CSV"),
        ("", "no column LEI, Entity.LegalName"),
    ],
)
def test_odd_file_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "odd"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        list(lei_records(path))
    assert problem in caught.value.problems[0]


def test_record_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gleif_read, "MAX_RECORD", 200_000)
    path = tmp_path / "long.xml"
    path.write_text(
        f"<lei:LEIData {NAMESPACE}><lei:LEIRecord><lei:LEI>{'x' * 400_000}</lei:LEI></lei:LEIRecord></lei:LEIData>"
    )
    with pytest.raises(ConfigError, match="no record in 200000 bytes"):
        list(lei_records(path))


def test_archive_of_several_files_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "two.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a", "a")
        file.writestr("b", "b")
    with pytest.raises(ConfigError, match="an archive of one file is wanted, this one has 2"):
        list(lei_records(archive))
