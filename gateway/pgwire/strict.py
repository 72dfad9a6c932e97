"""A strict session: its own connection is asked what a statement means, and what runs is held to what was judged.

Nothing here is sent or heard in a session that is not strict. What was found on real servers (15 and 18):

- With ``debug_print_rewritten`` and ``client_min_messages=log`` the server says the tree of every statement it analyses
  as a LOG notice: at Parse before ParseComplete; again at Bind, and at Describe of a statement, where something the
  plan rests on was changed meanwhile; in a Query for each statement, before its rows. A function's own SQL is printed
  when it is first run, a foreign key's check likewise, a deferred one at Sync. EXPLAIN prints itself and not its query;
  COPY (query) prints both; COPY of a table prints itself only.
- A Parse that is followed by Flush and not by Sync leaves a transaction open, and its locks with it: what the statement
  names can be neither altered nor replaced until the Query or Execute that follows has ended. So a statement is asked
  about *in the transaction that will run it*, and a tree that differs later is a function's doing or an attack.
- ``BEGIN ISOLATION LEVEL …; SELECT …`` in one Query fails (25001), since by then there has been a question: to be sent
  one by one.

::

    client            Session                         server
      | Parse ---------> | Judge --> (door: what does it mean?) ask()
      |                  | Parse, Flush ----------------> |      under the name the client's statement will have
      |                  | <---- tree, ParseComplete ---- |      Analysed --> (door: facts, rules, record)
      |                  | <-- judged                     |
      | <- ParseComplete | (nothing: it is there)         |      allowed
      |                  | Close; Parse of a random word  |      denied: substituted as ever
      | Bind, Execute -> | Bind, Flush -----------------> |      Execute waits: a tree may come before BindComplete
      |                  | <------------ BindComplete --- |
      |                  | Execute ---------------------> |      each tree that comes now must be one that was judged
      | <---------- rows | <----------------- rows ------ |      bytes after a tree pass only if it was
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from gateway.errors import PolicyUnavailable, Reason, UpstreamError
from gateway.pgwire import messages
from gateway.pgwire.actions import Analysed, Completed, Judgement, ToClient
from gateway.pgwire.frames import encode
from gateway.pgwire.guard import Guard
from gateway.pgwire.ledger import AnyChanges, Expectation, Prepared, Sent
from gateway.pgwire.refusals import CHANGED
from gateway.pgwire.shared import Shared

ALONE: Final = frozenset(b"QPE")  # judged when everything before them has been answered
_TREE_ROUTINE: Final = "elog_node_display"  # `R` names the routine, in every language of the server
_HIDDEN: Final = ("LOG", "DEBUG")  # what no client would be sent that did not ask for it
_REMEMBERED_TREES: Final = 16  # of one statement, since it was judged
_PARSE_COMPLETE: Final = encode(b"1")


class Approver(Protocol):
    """Compares trees with what was judged. ``ticket``: of the judgement; None: of none, as at Sync."""

    def same(self, ticket: object, tree: str) -> bool:
        """Whether this tree is the one that was judged."""
        ...

    def covers(self, ticket: object, tree: str) -> bool:
        """Whether a tree does nothing that was not judged."""
        ...


class Strict:
    """What a strict session does besides. One question is under way at a time, with nothing else on the way."""

    __slots__ = (
        "_adopted",
        "_approver",
        "_limit",
        "_offer",
        "_own_name",
        "_scratch",
        "_shared",
        "_size",
        "_trees",
        "failed",
    )

    def __init__(self, shared: Shared, approver: Approver, *, tree_bytes: int, own_name: Callable[[], bytes]) -> None:
        self._shared = shared
        self._approver = approver
        self._limit = tree_bytes
        self._own_name = own_name
        self._scratch = False  # the unnamed statement may be used: a Query destroys it whatever happens
        self._offer: tuple[bytes, bytes, tuple[int, ...]] | None = None
        self._adopted = False
        self._trees: list[str] = []
        self._size = 0
        self.failed = False  # the server refused what it was asked, and ignores everything up to Sync

    # -- asking ---------------------------------------------------------------------------------------------------

    def begin(self, *, offer: tuple[bytes, bytes, tuple[int, ...]] | None = None, scratch: bool = False) -> None:
        """A message is to be judged. ``offer``: name, text and types of the client's Parse: a question about exactly
        that text makes the statement itself."""
        self._offer, self._scratch, self._adopted, self.failed = offer, scratch, False, False

    def ask(self, text: str, types: tuple[int, ...]) -> None:
        """Ask the server. Raises PolicyUnavailable where it would not hear."""
        if self.failed:
            raise PolicyUnavailable(Reason.TWIN_UNAVAILABLE, "the session's transaction has failed meanwhile")
        raw = text.encode("utf-8", "surrogateescape")
        self._trees, self._size = [], 0
        if self._offer is not None and self._offer[1:] == (raw, types) and not self._adopted:
            self._adopted = True
            self._send_parse(self._offer[0], raw, types, last=True)
        elif self._scratch:
            self._send_parse(b"", raw, types, last=True)
        else:
            name = self._own_name()
            self._send_parse(name, raw, types, last=False)
            self._send_close(name, last=True)
        self._shared.send(messages.FLUSH)

    def _send_parse(self, name: bytes, text: bytes, types: tuple[int, ...], *, last: bool) -> None:
        expected = Expectation(Sent.PARSE, hidden=True, question=last)
        self._shared.send(messages.encode_parse(name, text, types), expected)

    def _send_close(self, name: bytes, *, last: bool) -> None:
        expected = Expectation(Sent.CLOSE, hidden=True, question=last)
        self._shared.send(messages.encode_target(b"C", ord("S"), name), expected)

    def answered(self, done: Expectation) -> bytes | None:
        """The server did what a message asked: nothing the client hears of, if the message was ours."""
        if not done.hidden:
            return None
        if done.question:
            self._shared.actions.append(Analysed(tuple(self._trees), None, self._size > self._limit))
            self._trees = []
        return b""

    def refused(self, body: bytes) -> bytes:
        """The server refused our question: its words are for the door, and it ignores everything up to Sync."""
        self._shared.ledger.queue.clear()  # a question is never under way with anything else
        self.failed = True
        self._shared.actions.append(Analysed((), messages.decode_fields(body), False))
        return b""

    # -- acting ---------------------------------------------------------------------------------------------------

    def adopt(self, judgement: Judgement) -> bool:
        """After Parse was judged: whether the server has the statement already, and the client is told so."""
        adopted, self._adopted = self._adopted, False
        if not adopted or self._offer is None:
            return False
        if judgement.instead is None and judgement.text is None and judgement.naming is None:
            self._shared.actions.append(ToClient(_PARSE_COMPLETE))
            return True
        if self._offer[0]:  # the unnamed one is destroyed by the Parse that follows
            self._send_close(self._offer[0], last=False)
        return False

    def say_failure(self, judgement: Judgement, gone: AnyChanges, *, query: bool = False) -> None:
        """After our question failed the server is where the client's message would have left it: say why."""
        self.failed = False
        for change in gone:
            change.settle()
        self._shared.actions.append(ToClient(messages.encode_fields(b"E", judgement.instead or CHANGED)))
        if query:  # the answer to this Sync ends the client's Query
            self._shared.batch += 1
            self._shared.send(messages.SYNC, Expectation(Sent.SYNC))
        else:
            self._shared.skipping = True

    def settle(self, prepared: Prepared, judgement: Judgement) -> Mapping[str, str] | None:
        """Before Execute: what is said in its place, if the plan it would run was not judged."""
        if judgement.instead is not None or not prepared.changed:
            return judgement.instead
        trees = prepared.changed
        judged = [place for place, tree in enumerate(trees) if self._approver.same(judgement.ticket, tree)]
        after = trees[judged[-1] + 1 :] if judged else trees
        if len(trees) <= _REMEMBERED_TREES:
            if all(self._approver.covers(judgement.ticket, tree) for tree in after):
                trees.clear()
                return None
        self._shared.actions.append(Completed(judgement.ticket, 0, CHANGED["C"]))
        return CHANGED

    # -- hearing --------------------------------------------------------------------------------------------------

    def heard(self, body: bytes) -> bool:
        """Whether a NoticeResponse was ours alone. Raises UpstreamError where it shows that something runs that was
        not judged."""
        fields = messages.decode_fields(body)
        if not fields.get("V", "").startswith(_HIDDEN):
            return False
        if fields.get("R") == _TREE_ROUTINE and "D" in fields:
            self._tree(fields["D"])
        return True

    def _tree(self, tree: str) -> None:
        head = self._shared.ledger.head()
        if head is not None and head.hidden:
            self._size += len(tree)
            if self._size <= self._limit:
                self._trees.append(tree)
            return
        prepared = head.prepared if head is not None else None
        # A text with names of the session in it is given to the server anew, without a ticket, before it is bound.
        unjudged = head is not None and (head.kind is not Sent.PARSE or (prepared is not None and not prepared.ticket))
        if prepared is not None and head is not None and unjudged:
            self._analysed_again(head, prepared, tree)
            return
        ticket = prepared.ticket if prepared is not None else (head.ticket if head is not None else None)
        if not self._approver.covers(ticket, tree):
            raise UpstreamError(Reason.MEANING_CHANGED, "what runs is not what was judged")

    def _analysed_again(self, head: Expectation, prepared: Prepared, tree: str) -> None:
        """At Bind or Describe: nothing has run. What it means now is judged before Execute."""
        if self._approver.same(prepared.ticket, tree):
            prepared.changed.clear()
        elif prepared.changed or not self._approver.covers(prepared.ticket, tree):
            # Until then nobody knows whose data its errors quote.
            prepared.guard |= Guard.WORDS
            head.guard |= Guard.WORDS
            if len(prepared.changed) <= _REMEMBERED_TREES:
                prepared.changed.append(tree)
