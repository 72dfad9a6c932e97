"""What the hot path counts arrives in the series it was made for."""

from __future__ import annotations

from gateway.counts import Endings, Repetitions, Tally, Times


def test_a_repetition_counts_in_every_series():
    within, took = (Tally(), Tally()), (Times((0.1, 1.0)), Times((0.1, 1.0)))
    repetitions = Repetitions(within, took)
    repetitions.count(0.05, 3)
    repetitions.count(0.5, 1)
    assert [one.value for one in within] == [4, 4]
    assert [one.counts for one in took] == [[3, 1, 0]] * 2
    assert all(abs(one.total - 0.65) < 1e-9 for one in took)


def test_an_ending_counts_its_rows():
    statements, rows = Tally(), Tally()
    endings = Endings(statements, rows)
    endings.count(0)
    endings.count(7)
    assert (statements.value, rows.value) == (2, 7)
