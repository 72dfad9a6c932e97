"""Service users: what a file may say, who is found when, and that nobody can tell who exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import config
from gateway.errors import ConfigError
from gateway.links.service_users import ServiceUsers, load_service_users, mock_key
from gateway.pgwire.scram_server import SALT_BYTES, Verifier

KEY = mock_key(b"k" * 32)
REPORT = Verifier.of("correct horse", b"s" * SALT_BYTES)
DAY = 86_400
_2026_06_01 = 20_605 * DAY

GOOD = f"""
users:
- name: svc_report
  subject: report-job
  verifier: {REPORT.text()}
  groups: [engineer]
- name: svc_old
  verifier: {REPORT.text()}
  from: 2026-05-01
  to: 2026-06-02
"""


def load(tmp_path: Path, text: str = GOOD, key: bytes = KEY) -> ServiceUsers:
    path = tmp_path / "users.yaml"
    path.write_text(text)
    return load_service_users(config.ServiceUsers(file=path, prefixes=("svc_", "glass_")), key)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return [problem.replace(f"{tmp_path}/", "") for problem in caught.value.problems]


def test_who_is_found(tmp_path: Path):
    users = load(tmp_path)
    user, good = users.find("svc_report", _2026_06_01)
    assert good
    assert (user.verifier, user.subject, user.groups) == (REPORT, "report-job", ("engineer",))
    assert user.expires_at(100, 50) == 150
    assert users.issuer == "sekisho:service"


def test_dates_end_a_user_and_a_login(tmp_path: Path):
    users = load(tmp_path)
    user, good = users.find("svc_old", _2026_06_01)
    assert good
    assert user.subject == "svc_old"
    assert user.expires_at(_2026_06_01, 7 * DAY) == _2026_06_01 + DAY, "the login is over when the user is"
    for moment in (_2026_06_01 + DAY, _2026_06_01 - 40 * DAY):
        assert users.find("svc_old", moment) == (user, False), "the same salt as before, and no way in"


def test_who_is_still_good(tmp_path: Path):
    users = load(tmp_path)
    assert users.good("svc_report", "report-job", _2026_06_01)
    assert not users.good("svc_report", "svc_report", _2026_06_01)
    assert not users.good("svc_old", "svc_old", _2026_06_01 + DAY)
    assert not users.good("svc_gone", "svc_gone", _2026_06_01)


def test_scram_is_asked_by_the_beginning_of_a_name_whoever_exists(tmp_path: Path):
    users = load(tmp_path)
    asked = [users.asked(name) for name in ("svc_report", "svc_nobody", "glass_anna", "svc", "report", "SVC_report")]
    assert asked == [True, True, True, False, False, False]


def test_a_name_nobody_has_looks_like_one_that_somebody_has(tmp_path: Path):
    users = load(tmp_path)
    nobody, good = users.find("svc_nobody", _2026_06_01)
    mock = nobody.verifier
    assert not good
    assert (mock.iterations, len(mock.salt)) == (REPORT.iterations, len(REPORT.salt))
    again = load(tmp_path, GOOD + f"- name: svc_new\n  verifier: {REPORT.text()}\n")
    assert again.find("svc_nobody", 0)[0].verifier == mock, "a file that changed, a gateway that was started anew"
    assert load(tmp_path, key=mock_key(b"x" * 32)).find("svc_nobody", 0)[0].verifier.salt != mock.salt


def test_an_empty_file_of_users_knows_nobody(tmp_path: Path):
    assert load(tmp_path, "users: []").find("svc_report", 0)[1] is False


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "users.yaml:1: the file is empty"),
        ("[]", "users.yaml:1: a mapping is wanted here"),
        ("people: []", "users.yaml:1: unknown key 'people'"),
        ("users:\n- name: svc_a\n", "users.yaml:2: 'verifier' is missing"),
        (f"users:\n- verifier: {REPORT.text()}\n", "users.yaml:2: 'name' is missing"),
        ("users:\n- name: svc_a\n  verifier: pencil\n", "users.yaml:3: 'verifier' is not of the form"),
        (f"users:\n- name: anna\n  verifier: {REPORT.text()}\n", "users.yaml:2: a name begins with svc_ or glass_"),
        (f"users:\n- name: svc_{'a' * 60}\n  verifier: {REPORT.text()}\n", "has up to 63 bytes"),
        (GOOD + f"- name: svc_old\n  subject: x\n  verifier: {REPORT.text()}\n", "'svc_old' for the second time"),
        (
            GOOD + f"- name: svc_x\n  subject: svc_old\n  verifier: {REPORT.text()}\n",
            "two users would be one principal",
        ),
        (
            GOOD + f"- name: svc_x\n  verifier: {Verifier.of('x', b's' * 16, 10_000).text()}\n",
            "another iteration count than the first user's",
        ),
        (GOOD.replace("to: 2026-06-02", "to: 2026-04-02"), "'to' must be later"),
        (GOOD.replace("groups", "roles"), "unknown key 'roles'"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str, problem: str):
    (found,) = problems(tmp_path, text)
    assert problem in found
    assert REPORT.text() not in found


def test_a_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_service_users(config.ServiceUsers(file=tmp_path / "none.yaml"), KEY)
