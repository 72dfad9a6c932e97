"""Names and what is on its way: a change counts when the server made it, and never in another batch before that."""

from __future__ import annotations

from gateway.pgwire.ledger import Expectation, Ledger, Names, Sent


def test_a_change_is_seen_at_once_and_taken_back_when_it_did_not_happen():
    names: Names[str] = Names()
    first = names.change(b"a", "A", 0)
    assert names.get(b"a") == "A"
    first.settle()
    second = names.change(b"a", "B", 0)
    third = names.change(b"a", None, 0)
    assert names.get(b"a") is None
    second.forget()
    assert names.get(b"a") is None
    third.forget()
    assert names.get(b"a") == "A"


def test_taking_an_older_change_back_leaves_the_newer_one():
    names: Names[str] = Names()
    names.change(b"", "A", 0).settle()
    skipped, newer = names.change(b"", "B", 0), names.change(b"", "C", 1)
    skipped.forget()
    assert names.get(b"") == "C"
    newer.settle()
    assert names.get(b"") == "C"
    names.change(b"", None, 1).forget()
    assert names.get(b"") == "C"


def test_a_name_is_doubtful_in_a_later_batch_until_it_is_answered():
    names: Names[str] = Names()
    assert not names.doubtful(b"a", 0)
    change = names.change(b"a", "A", 0)
    assert not names.doubtful(b"a", 0)
    assert names.doubtful(b"a", 1)
    newer = names.change(b"a", "B", 1)
    assert not names.doubtful(b"a", 1)  # what batch 1 made of it is skipped with what relies on it
    change.settle()
    newer.settle()
    assert not names.doubtful(b"a", 2)
    gone = names.drop(b"a", 2)
    assert names.doubtful(b"a", 3)
    gone[0].settle()
    assert names.drop(b"a", 3) == ()


def test_clearing_spares_what_has_not_been_answered_and_what_is_kept():
    names: Names[str] = Names()
    for name in (b"", b"old", b"going"):
        names.change(name, name.decode() or "unnamed", 0).settle()
    going, coming = names.change(b"going", None, 0), names.change(b"coming", "coming", 0)
    again = names.change(b"old", "newer", 0)
    names.clear_settled(keep=lambda name, entry: not name)
    assert names.entries == {b"": "unnamed", b"coming": "coming", b"old": "newer"}
    for change in (going, coming, again):
        change.forget()
    assert names.entries == {b"": "unnamed"}  # a Close that was skipped does not bring back what was deallocated


def test_an_error_skips_to_the_sync_and_says_whether_one_is_coming():
    ledger, names = Ledger(), Names()  # type: ignore[var-annotated]
    assert ledger.head() is None
    for number, kind in enumerate((Sent.PARSE, Sent.BIND, Sent.QUERY)):
        name = b"%d" % number
        ledger.expect(Expectation(kind, changes=(names.change(name, "x", 0),)))
    ledger.expect(Expectation(Sent.SYNC))
    ledger.expect(Expectation(Sent.BIND))
    assert ledger.skip_to_sync()
    assert [one.kind for one in ledger.queue] == [Sent.SYNC, Sent.BIND]
    assert names.entries == {}
    ledger.queue.popleft()
    assert not ledger.skip_to_sync()
    assert ledger.head() is None


def test_a_failing_parse_destroys_the_unnamed_statement_and_a_skipped_one_does_not():
    for fails, left in ((True, {}), (False, {b"": "A"})):
        ledger, names = Ledger(), Names()  # type: ignore[var-annotated]
        names.change(b"", "A", 0).settle()
        if not fails:
            ledger.expect(Expectation(Sent.BIND))
        ledger.expect(Expectation(Sent.PARSE, changes=(names.change(b"", "B", 0),)))
        ledger.skip_to_sync()
        assert names.entries == left


def test_rows_are_those_of_completions_and_those_since():
    assert Expectation(Sent.QUERY, counted=2, completed=5).rows == 7
