import pytest

from gateway.facts import yaml_tree
from gateway.facts.yaml_tree import Fields, Items, Scalar, TreeProblem, read_tree


def refused(data: bytes) -> TreeProblem:
    with pytest.raises(TreeProblem) as caught:
        read_tree(data)
    return caught.value


def test_values_stay_texts_with_their_lines() -> None:
    root = read_tree(b"a: NO\nb:\n  - 2021-03-17\n  - {c: '', d: }\n")
    assert isinstance(root, Fields)
    assert root.nodes["a"] == Scalar(1, "NO")
    assert root.lines == {"a": 1, "b": 2}
    items = root.nodes["b"]
    assert isinstance(items, Items)
    assert items.nodes[0] == Scalar(3, "2021-03-17")
    inner = items.nodes[1]
    assert isinstance(inner, Fields)
    assert inner.nodes == {"c": Scalar(4, "", quoted=True), "d": Scalar(4, "")}


@pytest.mark.parametrize(
    ("text", "null"), [("", True), ("~", True), ("null", True), ("''", False), ("'null'", False), ("0", False)]
)
def test_null_is_what_yaml_writes_for_it(text: str, null: bool) -> None:
    root = read_tree(f"a: {text}\n".encode())
    assert isinstance(root, Fields)
    node = root.nodes["a"]
    assert isinstance(node, Scalar)
    assert node.is_null is null


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (b"", 1, "empty"),
        (b"# nothing\n", 1, "empty"),
        (b"a: 1\nb: &x 2\n", 2, "anchors"),
        (b"a: &x [1]\nb: *x\n", 1, "anchors"),
        (b"a: 1\nb: !!python/object:os.system {}\n", 2, "tags"),
        (b"a: !!str 1\n", 1, "tags"),
        (b"a: 1\n---\nb: 2\n", 2, "second document"),
        (b"a: 1\nb: 2\na: 3\n", 3, "second time"),
        (b"a: 1\n? [b]\n: 2\n", 2, "not a text"),
        (b"a: [1\nb: 2\n", 2, "not YAML"),
        (b"a: 1\n\tb: 2\n", 2, "not YAML"),
        (b"a: 1\nb: \xff\n", 2, "UTF-8"),
        (b"a: \x00\n", 1, "not YAML"),
        (b"a: " + b"[" * 20 + b"]" * 20, 1, "nested deeper"),
    ],
)
def test_odd_file_is_refused_with_its_line(data: bytes, line: int, words: str) -> None:
    problem = refused(data)
    assert problem.line == line
    assert words in problem.text


def test_depth_is_refused_before_it_costs_anything() -> None:
    assert "nested deeper" in refused(b"[" * 1_000_000).text


def test_bomb_of_aliases_is_refused_at_its_first_anchor() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    assert refused("\n".join(lines).encode()).line == 1


def test_size_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_tree, "MAX_BYTES", 10)
    assert "larger" in refused(b"a: 0123456789\n").text


def test_number_of_values_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_tree, "MAX_NODES", 5)
    assert refused(b"a:\n  - 1\n  - 2\n  - 3\n  - 4\n").line == 4
