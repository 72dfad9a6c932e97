"""``sekisho check``: the same answer as at the door, in words a person can use, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from gateway.check import CheckAnswer, Question, _issuers, run_check
from gateway.config import Certificates, ServiceUsers
from gateway.config_load import load
from gateway.demo.characters import LI
from gateway.demo.database import Database
from gateway.demo.show import Style
from gateway.errors import ConfigError
from gateway.links.sources import packaged_policies
from tests.houses import House
from tests.packs import add_naming_rule, copy_policies

PLAIN = Style(colour=False, width=100)
PHONES = "SELECT name, phone FROM users WHERE id = 4"


@pytest.fixture(scope="module")
def desk(messenger: Database) -> Iterator[House]:
    """A configuration over the demo's database; no gateway runs."""
    with tempfile.TemporaryDirectory(prefix="sekisho-check-") as directory:
        yield House(Path(directory), messenger)


def ask(house: House, who: str, place: str, sql: str, **options: Any) -> CheckAnswer:
    question = Question(
        principal=who,
        place=place,
        sql=sql,
        **{"datasource": None, "groups": (), "mfa": False, "at": None, **options},
    )
    before = sorted(path.name for path in house.layout.record.glob("*.jsonl"))
    answer = asyncio.run(run_check(load(house.layout.config, {}), question))
    assert sorted(path.name for path in house.layout.record.glob("*.jsonl")) == before, "nothing is recorded"
    json.dumps(answer.document)
    return answer


def problem(house: House, who: str, place: str, sql: str = "SELECT 1", **options: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        ask(house, who, place, sql, **options)
    (found,) = caught.value.problems
    return found


def rules(answer: CheckAnswer) -> list[str]:
    return [finding["rule"] for finding in answer.document["findings"]]


def test_a_denial_says_who_from_where_what_and_why(desk):
    answer = ask(desk, "li", "CN", PHONES)

    assert (answer.answered, answer.allowed) == (True, False)
    assert rules(answer)[0] == "jp-appi-28"
    facts = answer.document["facts"]
    assert facts["person"] == "Li Wenjie"
    assert [link["country"] for link in facts["employer"]["chain"]] == ["JP", "CN"]
    assert facts["location"]["countries"] == ["CN"]
    assert facts["statement"]["relations"] == ["public.users"]
    assert answer.document["principal"] == "https://id.line.example#li"
    assert answer.document["cross_border"] is True


def test_the_text_is_aligned_and_fits(desk):
    lines = ask(desk, "li", "CN", PHONES).text(PLAIN).splitlines()

    assert lines[0] == "DENY"
    assert lines[1].startswith("  who          Li Wenjie, https://id.line.example#li (groups: engineer)")
    assert "  touches      public.users: id (predicate), name (output), phone (output)" in lines
    assert "  border       crossed" in lines
    assert "  jp-appi-28 (law)" in lines
    assert '    fact         employer.chain[1].country = "CN"' in lines
    assert max(map(len, lines)) <= 100
    assert not any(line != line.rstrip() for line in lines)


def test_colour_is_for_terminals(desk):
    answer = ask(desk, "li", "CN", PHONES)
    assert "\x1b" not in answer.text(PLAIN)
    assert answer.text(Style(colour=True, width=100)).startswith("\x1b[31mDENY\x1b[0m")


def test_the_same_words_as_at_the_door(new_house):
    house = new_house()
    answer = ask(house, "li", "shanghai-office", PHONES, mfa=True)
    with house.connect(LI) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
        connection.execute(PHONES)

    assert str(caught.value).startswith(answer.document["message"])
    (entry,) = house.entries("decision")[-1:]
    assert [finding["rule"] for finding in entry["findings"]] == rules(answer)
    assert entry["revision"] == answer.document["revision"]


def test_an_answer_that_is_yes(desk):
    answer = ask(desk, "sato", "JP", PHONES)
    assert (answer.answered, answer.allowed, rules(answer)) == (True, True, [])
    assert answer.text(PLAIN).startswith("ALLOW\n")


@pytest.mark.parametrize(
    ("place", "countries", "site"),
    [
        ("198.51.100.7", ["CN"], "shanghai-office"),
        ("seoul-office", ["KR"], "seoul-office"),
        ("kr", ["KR"], "seoul-office"),
        ("KR", ["KR"], "seoul-office"),
        ("192.0.2.200", [], None),
        ("tokyo-vpn", [], None),
        ("8.8.8.8", [], None),
        ("127.0.0.1", [], None),
        ("2001:db8::1", [], None),
    ],
)
def test_from_an_address_a_site_or_a_country(desk, place, countries, site):
    location = ask(desk, "kim", place, "SELECT count(*) FROM stickers").document["facts"]["location"]
    assert location["countries"] == countries
    assert site is None or location["site"] == site
    assert countries or location["note"], "unknown has its reason"


def test_from_nowhere_names_what_there_is(desk):
    found = problem(desk, "li", "XX")
    assert found.startswith("--from: XX is no address, no site (dalian-office, ")
    assert found.endswith("and no country of a site (CN, JP, KR)")


@pytest.mark.parametrize(
    ("who", "place", "day", "denied_by"),
    [
        # L02: allowed then. A rule that only warns may speak; none that is enforced does.
        ("li", "CN", "2020-06-01", None),
        ("wang", "dalian-office", "2020-06-01", None),
        # L05 and L06: blocked by the company itself, the firm in Dalian four weeks later.
        ("li", "CN", "2021-03-01", "house-kill-switch"),
        ("zhao", "shanghai-dalian-branch", "2021-03-01", "house-kill-switch"),
        ("wang", "dalian-office", "2021-03-01", None),
        ("wang", "dalian-office", "2021-03-23", "house-kill-switch"),
        # L01 and L07: the law that names the country.
        ("li", "CN", "2022-04-01", "jp-appi-28"),
        ("wang", "dalian-office", "2022-04-01", "jp-appi-28"),
    ],
)
def test_the_line_case_as_of_its_days(desk, who, place, day, denied_by):
    at = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
    sql = PHONES if who != "wang" else "SELECT caption, content FROM timeline_images WHERE id = 4"
    answer = ask(desk, who, place, sql, at=at)
    enforced = [one["rule"] for one in answer.document["findings"] if one["mode"] == "enforce"]
    assert answer.allowed is (denied_by is None), enforced
    assert denied_by is None or denied_by in enforced


def test_as_of_a_day_before_the_employment(desk):
    at = int(datetime(2018, 7, 31, tzinfo=UTC).timestamp())
    answer = ask(desk, "li", "tokyo-hq", PHONES, at=at)

    assert "house-employer-known" in rules(answer)
    assert answer.document["as_of"] == "2018-07-31T00:00:00+00:00"
    assert answer.document["facts"]["employer"]["known"] is False
    text = answer.text(PLAIN)
    assert "  as of        2018-07-31 00:00:00 UTC\n" in text
    assert "  employer     the person has no employment in force\n" in text


def test_somebody_whom_nobody_knows(desk):
    found = problem(desk, "nobody", "JP")
    assert "no profile of the datasource fits" in found
    assert "https://id.line.example#nobody is not in the people registry" in found

    answer = ask(desk, "nobody", "JP", PHONES, groups=("engineer",))
    assert "house-employer-known" in rules(answer)


def test_the_whole_name_of_a_principal(desk):
    assert ask(desk, "https://id.line.example#sato", "JP", PHONES).allowed
    found = problem(desk, "https://elsewhere.example#sato", "JP")
    assert found == "--as: https://elsewhere.example is no issuer of this configuration, so nobody of it can log in"


def test_groups_choose_the_profile(desk):
    answer = ask(desk, "sato", "JP", "SELECT caption FROM timeline_images", groups=("moderator",))
    assert answer.document["profile"] == "moderator"
    assert answer.document["groups"] == ["moderator"]


def test_a_datasource_that_is_not_there(desk):
    assert problem(desk, "li", "CN", datasource="warehouse") == "--datasource: choose one of messenger"
    assert ask(desk, "li", "CN", "SELECT 1", datasource="messenger").document["datasource"] == "messenger"


@pytest.mark.parametrize(
    ("sql", "code"), [("SELECT pg_sleep(1)", "function_refused"), ("COPY users TO PROGRAM 'cat'", "kind_refused")]
)
def test_what_is_not_understood_is_a_denial_that_says_so(desk, sql, code):
    answer = ask(desk, "sato", "JP", sql)
    text = answer.text(PLAIN)

    assert (answer.answered, answer.allowed) == (True, False)
    assert answer.document["facts"]["statement"]["incomplete"] == code
    assert "not understood completely" in text
    assert "not about people" not in text, "that was not established either"


def test_a_typo_is_the_databases_answer_and_no_denial(desk):
    answer = ask(desk, "sato", "JP", "SELECT phne FROM users")

    assert (answer.answered, answer.allowed) == (False, False)
    assert answer.document["effect"] is None
    assert answer.document["complaint"]["sqlstate"] == "42703"
    assert answer.document["complaint"]["position"] == 8
    text = answer.text(PLAIN)
    assert text.startswith("NOT DECIDED\n")
    assert '  the database column "phne" does not exist (42703 at character 8)\n' in text
    assert "  hint         Perhaps you meant to reference the column" in text


def test_obligations_are_shown(desk, tmp_path):
    """A rule that allows under a mask: what would be sent in place of the statement is told with it."""
    policies = with_mask(tmp_path)
    document = desk.layout.config.read_text() + f"policy: {{directory: {policies}}}\n"
    config = tmp_path / "sekisho.yaml"
    config.write_text(document)
    question = Question(principal="sato", place="JP", sql=PHONES, datasource=None, groups=(), mfa=True, at=None)

    answer = asyncio.run(run_check(load(config, {}), question))

    assert answer.document["reason"] == "allowed"
    assert "pg_catalog.right" in answer.document["sent"]
    assert answer.document["obligations"] == [
        {"kind": "mask", "relation": "public.users", "column": "phone", "method": "partial"}
    ]
    assert "  obligation   mask: public.users, phone, partial\n" in answer.text(PLAIN)


def test_limits_are_those_of_who_has_had_nothing_yet(desk, tmp_path):
    policies = tmp_path / "policies"
    shutil.copytree(packaged_policies(), policies)
    data = policies / "house" / "volume" / "data.yaml"
    limit = "{data_types: [user.name], subject_country: JP, unit: person, window: year, max: 30}"
    data.write_text(data.read_text().replace("subject_limits: []", f"subject_limits: [{limit}]"))
    document = yaml.safe_load(desk.layout.config.read_text())
    document["policy"] = {"directory": str(policies)}
    config = tmp_path / "sekisho.yaml"
    config.write_text(yaml.safe_dump(document))
    sql = "SELECT name FROM users"
    question = Question(principal="sato", place="JP", sql=sql, datasource=None, groups=(), mfa=False, at=None)
    answer = asyncio.run(run_check(load(config, {}), question))
    assert answer.document["reason"] == "allowed"
    assert answer.document["obligations"] == [{"kind": "row_limit", "rows": 30}]


def with_mask(folder: Path) -> Path:
    policies = folder / "policies"
    shutil.copytree(packaged_policies(), policies)
    rule = policies / "house" / "location" / "location.rego"
    mask = '"kind": "mask", "relation": "public.users", "column": "phone", "method": "partial"'
    rule.write_text(f'{rule.read_text()}\nobligations contains {{"rule": "house-trip-mask", {mask}}}\n')
    return policies


def test_a_database_that_is_down_is_no_decision(tmp_path):
    found = problem(House(tmp_path, None), "sato", "JP")
    assert found == "datasource messenger: the database could not be reached (FileNotFoundError)"


def test_a_login_that_is_refused_is_told_in_the_servers_words(desk, tmp_path, messenger):
    text = desk.layout.config.read_text().replace("role: sekisho_twin", "role: nobody_here")
    config = tmp_path / "sekisho.yaml"
    config.write_text(text)
    question = Question(principal="sato", place="JP", sql="SELECT 1", datasource=None, groups=(), mfa=False, at=None)
    with pytest.raises(ConfigError) as caught:
        asyncio.run(run_check(load(config, {}), question))
    assert 'role "nobody_here" does not exist' in caught.value.problems[0]


def test_a_lock_is_no_decision(desk, messenger):
    with messenger.connect() as connection:
        connection.execute("BEGIN")
        connection.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        answer = ask(desk, "sato", "JP", PHONES)
        connection.execute("ROLLBACK")

    assert (answer.answered, answer.document["reason"]) == (False, "twin_timeout")
    text = answer.text(PLAIN)
    assert text.startswith("NOT DECIDED\n")
    assert "  why          the analysis twin did not answer in time" in text


def test_what_a_person_of_the_registry_is_called_cannot_move_the_cursor(desk, tmp_path):
    registry = tmp_path / "registry"
    shutil.copytree(desk.layout.registry, registry)
    people = registry / "people.yaml"
    people.write_text(people.read_text().replace("name: Li Wenjie", 'name: "Li\\e[2J"'))
    config = tmp_path / "sekisho.yaml"
    config.write_text(desk.layout.config.read_text().replace(str(desk.layout.registry), str(registry)))
    question = Question(principal="li", place="CN", sql="SELECT 1", datasource=None, groups=(), mfa=False, at=None)

    try:
        text = asyncio.run(run_check(load(config, {}), question)).text(PLAIN)
    except ConfigError:
        return  # the registry refuses such a name already
    assert "\x1b" not in text


def test_principals_may_be_of_whoever_is_configured(tmp_path):
    plain = load(House(tmp_path, None).layout.config, {})
    users, certificates = ServiceUsers(file=tmp_path / "users.yaml"), Certificates(issuer="sekisho:certificate")
    assert _issuers(plain) == {"https://id.line.example"}
    whole = replace(plain, service_users=users, certificates=certificates)
    assert _issuers(whole) == {"https://id.line.example", "sekisho:service", "sekisho:certificate"}


@pytest.mark.parametrize(("strict", "words"), [(None, "a relation named by"), (False, "strict: false in the")])
def test_why_sessions_are_strict_or_are_not(messenger, tmp_path, strict, words):
    policies = copy_policies(tmp_path / "policies")
    add_naming_rule(policies)
    (tmp_path / "house").mkdir()
    house = House(tmp_path / "house", messenger, {"policy": {"directory": str(policies)}}, strict=strict)
    answer = ask(house, "kim", "KR", "SELECT count(*) FROM stickers")
    assert answer.document["strict"] is (strict is None)
    assert words in answer.document["strict_why"]
    (line,) = [line for line in answer.text(PLAIN).splitlines() if line.strip().startswith("strict")]
    assert words in line
