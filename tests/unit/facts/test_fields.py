import pytest

from gateway.facts.period import Period
from tests.unit.facts.world import section


def test_well_formed_fields_are_read_without_a_problem() -> None:
    root, problems = section(
        "id: a-b.c_1\nname: Ünï\nflag: true\nshare: 49.99\ncountry: NO\nfrom: 2021-01-01\nto: 2021-02-01\n"
        "countries: [KR, JP]\ntypes: [user.name, user.contact.email]\nword: scc\nnothing: ~\n"
    )
    assert root.identifier() == "a-b.c_1"
    assert root.text("name") == "Ünï"
    assert root.flag("flag") is True
    assert root.flag("absent", default=False) is False
    assert root.number("share") == 49.99
    assert root.country("country") == "NO"  # YAML 1.1 would have made this False
    assert root.period() == Period(18628, 18659)
    assert root.countries("countries") == ("JP", "KR")
    assert root.data_types("types") == ("user.contact.email", "user.name")
    assert root.choice("word", ("scc", "idta")) == "scc"
    assert root.choice("absent", ("a",), "a") == "a"
    assert root.optional_text("nothing") is None
    root.done()
    assert problems.listed() == []


@pytest.mark.parametrize(
    ("text", "read", "problem"),
    [
        ("a: 1\nid: Upper\n", "identifier", "test.yaml:2: 'id' must be lower case"),
        ("a: 1\n", "identifier", "test.yaml:1: 'id' is missing"),
        ("id: [x]\n", "identifier", "test.yaml:1: 'id' must be a text"),
        ("x: 1\nto: 2020-01-01\nfrom: 2020-01-01\n", "period", "test.yaml:2: 'to' must be later"),
        ("from: 2021-02-30\n", "period", "test.yaml:1: 'from' is not a date"),
        ("from: 2021-02\n", "period", "test.yaml:1: 'from' is not a date"),
    ],
)
def test_odd_field_is_a_problem_with_its_place(text: str, read: str, problem: str) -> None:
    root, problems = section(text)
    getattr(root, read)()
    assert problems.listed()[0].startswith(problem)


@pytest.mark.parametrize(
    ("text", "read", "problem"),
    [
        ("k: yes\n", "flag", "'k' must be one of: false, true"),
        ("k: ~\n", "flag", "'k' is missing"),
        ("k: 1e9\n", "number", "'k' must be a number"),
        ("k: -1\n", "number", "'k' must be a number"),
        ("k: nan\n", "number", "'k' must be a number"),
        ("k: UK\n", "country", "'k' is not an ISO 3166-1"),
        ("k: JP\n", "countries", "'k' must be a list"),
        ("k: [JP, JP]\n", "countries", "'JP' stands twice"),
        ("k: [JP, XX]\n", "countries", "'XX' in 'k' is not an ISO 3166-1"),
        ("k: [JP, [KR]]\n", "countries", "'k' must be a text"),
        ("k: [email]\n", "data_types", "'email' is not a data type"),
        ("k: [user.]\n", "data_types", "'user.' is not a data type"),
        ("k: 'a\\nb'\n", "text", None),
        ('k: "a\\nb"\n', "text", "'k' must be 1 to 1000 printable"),
        ("k: ' a'\n", "text", "'k' must be 1 to 1000 printable"),
        ("k: ''\n", "text", "'k' must be 1 to 1000 printable"),
    ],
)
def test_odd_value_is_a_problem(text: str, read: str, problem: str | None) -> None:
    root, problems = section(text)
    getattr(root, read)("k")
    listed = problems.listed()
    if problem is None:
        assert listed == []
    else:
        assert listed[0].startswith(f"test.yaml:1: {problem}")


def test_closed_choice_refuses_other_words() -> None:
    root, problems = section("k: maybe\n")
    assert root.choice("k", ("known", "none", "unknown"), "unknown") == "unknown"
    assert problems.listed() == ["test.yaml:1: 'k' must be one of: known, none, unknown"]


def test_unknown_keys_are_all_listed() -> None:
    root, problems = section("a: 1\nb: 2\nc: 3\n")
    root.text("b")
    root.done()
    assert problems.listed() == ["test.yaml:1: unknown key 'a'", "test.yaml:3: unknown key 'c'"]


def test_sections_and_named_nodes() -> None:
    root, problems = section("list:\n  - {id: a}\n  - 7\nmap:\n  x: [user.name]\nodd: 1\n")
    assert [part.identifier() for part in root.sections("list")] == ["a", ""]
    assert [(name, line) for name, line, _ in root.named_nodes("map")] == [("x", 5)]
    assert list(root.sections("odd")) == []
    assert list(root.named_nodes("absent")) == []
    assert list(root.sections("gone", required=True)) == []
    assert problems.listed() == [
        "test.yaml:1: 'absent' is missing",
        "test.yaml:1: 'gone' is missing",
        "test.yaml:3: 'id' is missing",
        "test.yaml:3: a mapping is wanted here",
        "test.yaml:6: 'odd' must be a list",
    ]
