"""Cancel keys: only the whole key works, and only while its session is there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from gateway.doors.cancel import CancelDesk, CancelKeys
from gateway.metrics import CancelResult, Metrics


def test_a_key_cancels_its_own_session_and_no_other():
    keys, called = CancelKeys(), []
    first = keys.issue(lambda: called.append("first"))
    second = keys.issue(lambda: called.append("second"))
    keys.use(*second)
    assert called == ["second"]
    keys.use(first[0], second[1])
    keys.use(second[0], first[1])
    assert called == ["second"]
    keys.use(*first)
    assert called == ["second", "first"]


def test_a_key_may_be_used_again_until_it_is_revoked():
    keys, called = CancelKeys(), []
    key = keys.issue(lambda: called.append(1))
    keys.use(*key)
    keys.use(*key)
    keys.revoke(key[0])
    keys.use(*key)
    assert called == [1, 1]


def test_revoking_what_was_never_issued():
    keys = CancelKeys()
    keys.revoke(0)
    keys.use(0, b"\0\0\0\0")
    assert not keys._cancels


def test_keys_fit_protocol_3_0_and_differ():
    keys = CancelKeys()
    issued = [keys.issue(lambda: None) for _ in range(500)]
    assert len({process for process, _ in issued}) == 500
    assert all(0 < process < 2**31 and len(secret) == 4 for process, secret in issued)
    assert len({secret for _, secret in issued}) > 490
    assert len(keys.issue(lambda: None, long=True)[1]) == 32, "protocol 3.2"


@given(st.integers(0, 2**32 - 1), st.binary(max_size=40))
def test_no_other_key_works(process: int, secret: bytes):
    keys, called = CancelKeys(), []
    known = keys.issue(lambda: called.append(1))
    if (process, secret) != known:
        keys.use(process, secret)
        keys.use(known[0], secret if secret != known[1] else secret + b"x")
        assert called == []


def test_an_unknown_process_with_the_stand_in_secret():
    """What an unknown key is compared with must not be a key."""
    keys, called = CancelKeys(), []
    process, _ = keys.issue(lambda: called.append(1))
    keys.use(process + 1, b"\0" * 4)
    assert called == []


@given(st.integers(2, 64), st.data())
def test_a_key_says_whose_it_is_and_comes_to_its_owner_alone(owners: int, data: st.DataObject):
    sent: list[tuple[int, int, bytes]] = []
    workers = [
        CancelKeys(owner=number, owners=owners, elsewhere=lambda *key: sent.append(key)) for number in range(owners)
    ]
    called: list[int] = []
    owner, other = data.draw(st.integers(0, owners - 1)), data.draw(st.integers(0, owners - 1))
    process, secret = workers[owner].issue(lambda: called.append(owner))
    assert 0 < process < 2**31
    for wrong in (secret[::-1] + b"x", b"\0" * 4, b""):
        workers[other].use(process, wrong)
    sent.clear()
    assert called == []
    workers[other].use(process, secret)
    assert (called, sent) == (([owner], []) if other == owner else ([], [(owner, process, secret)]))
    for to, number, word in sent:
        workers[to].use(number, word)
    assert called == [owner]


def test_no_two_workers_issue_the_same_key():
    workers = [CancelKeys(owner=number, owners=3) for number in range(3)]
    issued = [worker.issue(lambda: None)[0] for worker in workers for _ in range(300)]
    assert len(set(issued)) == 900


def test_without_anybody_else_a_key_of_another_is_an_unknown_one():
    keys = CancelKeys(owner=0, owners=2)
    keys.use(3, b"\0" * 4)


def test_what_became_of_a_request():
    keys = CancelKeys(owner=0, owners=2, elsewhere=lambda *key: None)
    process, secret = keys.issue(lambda: None, long=True)
    assert keys.use(process, secret) is CancelResult.SENT
    assert keys.use(process, secret[:4]) is CancelResult.UNKNOWN
    assert keys.use(process + 1, secret) is CancelResult.ELSEWHERE


def test_so_many_requests_are_heeded_in_a_minute():
    metrics = Metrics(CollectorRegistry(), rules={}, datasources=[], incomplete_codes=[], version="0")
    keys, called = CancelKeys(), []
    process, secret = keys.issue(lambda: called.append(1))
    desk = CancelDesk(keys, per_address=2, overall=3, metrics=metrics)
    for address in ("192.0.2.1",) * 4 + ("192.0.2.2",) * 4:
        desk.asked(address, process, secret, 100.0)
    assert len(called) == 3
    desk.asked("192.0.2.1", process, secret, 161.0)
    assert len(called) == 4
    counted = metrics.registry.get_sample_value
    assert counted("sekisho_cancel_requests_total", {"result": "sent"}) == 4
    assert counted("sekisho_cancel_requests_total", {"result": "suppressed"}) == 5
