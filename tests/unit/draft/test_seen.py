from gateway.draft.seen import ColumnDraft
from gateway.draft.sure import Guess, Sure


def column(*guesses: Guess, technical: bool = False) -> ColumnDraft:
    return ColumnDraft(name="c", type="text", guesses=guesses, technical=technical)


def test_a_low_guess_gives_no_label() -> None:
    low, high = Guess("user.content", Sure.LOW, "its name"), Guess("user.name", Sure.HIGH, "its name")
    assert not column(low).labelled
    assert column(low, high).labelled
    assert column(low, high).sure == (high,)


def test_what_is_technical_is_labelled_as_nothing_unless_something_is_in_it() -> None:
    assert column(technical=True).labelled
    assert not column(Guess("user.contact.email", Sure.LOW, "1 of 9"), technical=True).labelled
    assert not column().labelled
