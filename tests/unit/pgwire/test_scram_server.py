"""SCRAM-SHA-256(-PLUS) as a server: the vector of RFC 7677, each flag of channel binding, and clients that cheat."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import AuthenticationError, ClientProtocolError, Reason, SekishoError
from gateway.pgwire.scram import MECHANISM, MECHANISM_PLUS, ScramClient
from gateway.pgwire.scram_server import (
    ScramServer,
    Verifier,
    mechanisms,
    mock_verifier,
    printable,
)
from tests.unit.pgwire.scram_peer import ScramPeer

SALT = bytes(range(16))
VERIFIER = Verifier.of("pencil", SALT)
BINDING = bytes(range(32))
NONCE = "3rfcNHYJY1ZVvWVs7j"


def server(verifier: Verifier = VERIFIER, *, plus: bool = False, offered: bool = False, doomed: bool = False):
    return ScramServer(
        verifier,
        doomed=doomed,
        mechanism=MECHANISM_PLUS if plus else MECHANISM,
        binding=BINDING if plus or offered else None,
        nonce=NONCE,
        user="svc_report",
    )


def refused(call, *arguments) -> SekishoError:
    with pytest.raises((ClientProtocolError, AuthenticationError)) as caught:
        call(*arguments)
    return caught.value


def test_the_vector_of_rfc_7677():
    salt = b"[m\x99h\x9d\x125\x8e\xec\xa0K\x14\x126\xfa\x81"
    one = ScramServer(
        Verifier.of("pencil", salt),
        doomed=False,
        mechanism=MECHANISM,
        binding=None,
        nonce="%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        user="user",
    )
    assert one.answer(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO") == (
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    assert not one.done
    final = one.answer(
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    assert final == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    assert one.done


@given(password=st.text(min_size=1, max_size=40), salt=st.binary(min_size=16, max_size=16))
def test_our_own_client_gets_in_with_its_password_and_with_no_other(password: str, salt: bytes):
    for secret, let_in in ((password, True), (password + "x", False)):
        one, client = server(Verifier.of(password, salt)), ScramClient(secret, "clientnonce")
        final = client.final(one.answer(client.first()))
        if let_in:
            client.verify(one.answer(final))
            assert one.done
        else:
            assert refused(one.answer, final).reason is Reason.PASSWORD_WRONG
            assert not one.done


def test_channel_binding():
    one, peer = server(plus=True), ScramPeer("pencil", gs2="p=tls-server-end-point,,", binding=BINDING)
    assert peer.proven(one.answer(peer.final(one.answer(peer.first()))))


@pytest.mark.parametrize("binding", [b"", bytes(32), BINDING[:-1]])
def test_another_certificate_than_ours_is_somebody_between(binding: bytes):
    one, peer = server(plus=True), ScramPeer("pencil", gs2="p=tls-server-end-point,,", binding=binding)
    error = refused(one.answer, peer.final(one.answer(peer.first())))
    assert error.reason is Reason.CHANNEL_BINDING_FAILED


def test_a_client_that_could_bind_and_was_told_we_cannot_is_refused():
    """`y`: somebody took -PLUS out of the list on its way."""
    error = refused(server(offered=True).answer, ScramPeer("pencil", gs2="y,,").first())
    assert error.reason is Reason.CHANNEL_BINDING_FAILED
    one, peer = server(), ScramPeer("pencil", gs2="y,,")  # where we truly cannot, it is right
    assert peer.proven(one.answer(peer.final(one.answer(peer.first()))))


def test_a_client_that_cannot_bind_may_say_so():
    one, peer = server(offered=True), ScramPeer("pencil", gs2="n,,")
    assert peer.proven(one.answer(peer.final(one.answer(peer.first()))))


@pytest.mark.parametrize(
    ("plus", "gs2"),
    [
        (True, "n,,"),
        (True, "y,,"),
        (True, "p=tls-unique,,"),
        (True, "p=,,"),
        (False, "p=tls-server-end-point,,"),
    ],
)
def test_flags_that_do_not_fit_the_mechanism(plus: bool, gs2: str):
    assert refused(server(plus=plus).answer, ScramPeer("pencil", gs2=gs2).first()).reason is Reason.MESSAGE_MALFORMED


@pytest.mark.parametrize("gs2", ["n,a=root,", "n,a=,"])
def test_an_authorization_identity_is_not_supported(gs2: str):
    assert refused(server().answer, ScramPeer("pencil", gs2=gs2).first()).reason is Reason.MESSAGE_REFUSED


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"n",
        b"n,,",
        b"n,,n=",
        b"n,,r=abc",
        b"n,,n=,r=",
        b"n,,n=,r=a b",
        b"n,,n=,r=a\0b",
        b"n,,m=ext,n=,r=abc",
        b"N,,n=,r=abc",
        b"x,,n=,r=abc",
        b"n,,n=,r=abc,xx=1",
        b"\xff,,n=,r=abc",
        "n,,n=,r=é".encode(),
    ],
)
def test_a_first_message_that_is_not_as_the_rfc_says(first: bytes):
    assert refused(server().answer, first).reason is Reason.MESSAGE_MALFORMED


@pytest.mark.parametrize(
    "changes",
    [
        {"r": "another"},
        {"r": "fyko+d2lbbFgONRv9qkx"},  # only its own half
        {"c": "eSws"},  # y,, although it said n,,
        {"c": "***"},
        {"p": "AAAA"},
        {"p": "***="},
        {"p": b64encode(bytes(33)).decode()},
        {"p": ""},
        {"more": ",xx=1"},
    ],
)
def test_a_final_message_that_is_not_as_the_rfc_says(changes: dict[str, str]):
    one, peer = server(), ScramPeer("pencil")
    error = refused(one.answer, peer.final(one.answer(peer.first()), **changes))
    assert error.reason is Reason.MESSAGE_MALFORMED
    assert not one.done


def test_extensions_are_signed_and_mean_nothing():
    one, peer = server(), ScramPeer("pencil")
    peer.bare += ",x=later"
    assert peer.proven(one.answer(peer.final(one.answer(peer.first()), more=",y=too")))


def test_messages_are_short_and_few():
    assert refused(server().answer, b"n,,n=,r=" + b"a" * 1020).reason is Reason.MESSAGE_TOO_LARGE
    one, peer = server(), ScramPeer("pencil")
    final = peer.final(one.answer(peer.first()))
    one.answer(final)
    assert refused(one.answer, final).reason is Reason.MESSAGE_REFUSED


def test_one_try():
    one, peer = server(), ScramPeer("wrong")
    final = peer.final(one.answer(peer.first()))
    assert refused(one.answer, final).reason is Reason.PASSWORD_WRONG
    for again in (final, peer.first()):
        assert refused(one.answer, again).reason is Reason.MESSAGE_REFUSED


def test_nobody_learns_whether_a_name_exists():
    """The doomed exchange: the same messages in the same lengths, the same words, even with the right password."""
    said = []
    for verifier, doomed, password in (
        (VERIFIER, False, "wrong"),
        (VERIFIER, True, "pencil"),
        (mock_verifier(b"k" * 32, "svc_nobody", VERIFIER.iterations), True, "wrong"),
    ):
        one, peer = server(verifier, doomed=doomed), ScramPeer(password)
        first = one.answer(peer.first())
        error = refused(one.answer, peer.final(first))
        said.append((len(first), type(error), error.reason, error.detail))
    assert len(set(said)) == 1, said
    assert said[0][2:] == (Reason.PASSWORD_WRONG, 'password authentication failed for user "svc_report"')


def test_a_mock_verifier_is_stable_and_depends_on_key_and_name():
    one = mock_verifier(b"k" * 32, "svc_a", 4096)
    assert one == mock_verifier(b"k" * 32, "svc_a", 4096)
    assert (
        len({one.salt, mock_verifier(b"k" * 32, "svc_b", 4096).salt, mock_verifier(b"K" * 32, "svc_a", 4096).salt}) == 3
    )
    assert Verifier.parse(one.text()) == one


def test_a_verifier_as_postgresql_writes_it():
    text = (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
        ":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )
    assert Verifier.parse(text).text() == text
    assert Verifier.parse(text) == Verifier.of("pencil", Verifier.parse(text).salt), "the RFC's password"
    assert "WG5d" not in repr(Verifier.parse(text))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "form"),
        ("md5deadbeef", "form"),
        ("pencil", "form"),
        (VERIFIER.text() + "\n", "form"),
        (VERIFIER.text().replace("4096", "1"), "iteration"),
        (VERIFIER.text().replace("4096", "9999999"), "iteration"),
        (VERIFIER.text().replace("4096:", "4096:AAA"), "base64"),
        (Verifier(4096, b"short", bytes(32), bytes(32)).text(), "16 bytes"),
        (Verifier(4096, SALT, bytes(31), bytes(32)).text(), "keys of 32"),
        (Verifier(4096, SALT, bytes(32), bytes(33)).text(), "keys of 32"),
    ],
)
def test_a_verifier_that_is_none(text: str, why: str):
    with pytest.raises(ValueError, match=why):
        Verifier.parse(text)


def test_what_is_offered():
    assert mechanisms(None) == ("SCRAM-SHA-256",)
    assert mechanisms(BINDING) == ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256")


def test_a_name_is_shown_without_what_a_terminal_would_obey():
    assert printable("svc\x1b[2J\n" + "x" * 100) == "svc?[2J?" + "x" * 55


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_are_answered_or_refused(first: bytes, second: bytes):
    one = server(offered=True)
    try:
        one.answer(first)
        one.answer(second)
    except (ClientProtocolError, AuthenticationError):
        assert not one.done
