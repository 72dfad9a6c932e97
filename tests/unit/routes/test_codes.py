from gateway.routes.codes import SUMMARIES, RouteCode
from gateway.sql.codes import IncompleteCode


def test_every_code_has_its_sentence_and_is_nobody_elses() -> None:
    assert SUMMARIES.keys() == set(RouteCode)
    assert not {str(code) for code in RouteCode} & {str(code) for code in IncompleteCode}
