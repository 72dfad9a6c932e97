"""Obligations on SQL: a statement with masks, row filters and a row limit written into it, and the proof of it.

    refused.py     ``RewriteRefused``: what cannot be rewritten provably, with the reason for the person
    duties.py      obligations -> what is owed per relation, by OID; parents and children answer for each other
    quoting.py     names, constants and types as SQL text
    masks.py       one expression per method of masking: total, typed as the column, of pg_catalog functions only
    predicates.py  the registry's row filters: which expressions may stand in one
    lineage.py     which outputs of a view are nothing but a masked column
    standin.py     the sub-select that stands in for a relation
    places.py      where a statement's text names relations, and what exactly to cut out there
    limit.py       the row limit, as text
    plan.py        ``rewrite``: text + obligations -> ``Rewritten``
    same.py        two analysed trees are the same but for the stand-ins
    proof.py       ``prove``: what the server made of the rewritten text is what was meant, or it is refused

The base relation is replaced, so predicates, joins, grouping and sorting see the mask and the filter. Nothing rests on
the text having been cut at the right places: ``prove`` compares what the *server* made of both texts, node by node. The
rewritten tree must be the original one with every relation under obligation replaced by its stand-in, and each
stand-in must be, node by node, what the server makes of that sub-select alone, which is looked at by itself. Columns
that the statement's facts do not list are NULL in a stand-in: what nobody judged is not read.
"""

from __future__ import annotations

from gateway.sql.rewrite.masks import Style
from gateway.sql.rewrite.plan import Rewritten, rewrite
from gateway.sql.rewrite.predicates import at_relation, of_consent
from gateway.sql.rewrite.proof import prove
from gateway.sql.rewrite.refused import RewriteRefused

__all__ = ["RewriteRefused", "Rewritten", "Style", "at_relation", "of_consent", "prove", "rewrite"]
