from gateway.draft.sure import Guess, Sure, together

EMAIL = "user.contact.email"


def test_two_that_agree_are_surer() -> None:
    (found,) = together([Guess(EMAIL, Sure.MEDIUM, "its name"), Guess(EMAIL, Sure.MEDIUM, "9 of 9")])
    assert found == Guess(EMAIL, Sure.HIGH, "its name; 9 of 9")


def test_a_low_guess_makes_nothing_surer() -> None:
    (found,) = together([Guess(EMAIL, Sure.MEDIUM, "a"), Guess(EMAIL, Sure.LOW, "b")])
    assert found.sure is Sure.MEDIUM


def test_of_one_branch_the_longer_stays() -> None:
    (found,) = together([Guess("user.name", Sure.MEDIUM, "a"), Guess("user.name.first", Sure.HIGH, "b")])
    assert (found.data_type, found.sure) == ("user.name.first", Sure.HIGH)


def test_others_stand_beside_each_other_surest_first() -> None:
    found = together(
        [Guess("user.name", Sure.LOW, "a"), Guess(EMAIL, Sure.HIGH, "b"), Guess("user.nam", Sure.LOW, "c")]
    )
    assert [one.data_type for one in found] == [EMAIL, "user.nam", "user.name"]


def test_words() -> None:
    assert [sure.word for sure in Sure] == ["low", "medium", "high"]
