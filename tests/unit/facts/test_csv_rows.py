from gateway.facts.csv_rows import MAX_PROBLEMS, CsvFile
from gateway.facts.fields import Problems


def test_rows_have_the_line_they_end_in() -> None:
    problems = Problems()
    file = CsvFile("f.csv", b'a,b\n"x\ny",1\n\n2,3\n', ("a", "b"), problems)
    assert [(file.line, row) for row in file.rows()] == [(3, ["x\ny", "1"]), (5, ["2", "3"])]
    assert problems.listed() == []


def test_header_is_exact() -> None:
    problems = Problems()
    assert list(CsvFile("f.csv", b"b,a\n1,2\n", ("a", "b"), problems).rows()) == []
    assert problems.listed() == ["f.csv:1: the first line must be a,b"]


def test_reading_stops_at_so_many_problems() -> None:
    problems = Problems()
    file = CsvFile("f.csv", b"a\n" + b"x\n" * 1000, ("a",), problems)
    for row in file.rows():
        file.problem(f"odd {row[0]}")
    assert len(problems.listed()) == MAX_PROBLEMS + 1
