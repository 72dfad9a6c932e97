"""Reports: the record, read back as answers. They open no socket and change nothing; entries in, tables out.

    accesses.py        ``count_accesses(entries, filter)``: who could read what, from where, under whose law
    accesses_text.py   the same as an aligned table for a person, and as a document for ``--json``
    decisions.py       which decisions of the record are wanted, and what of each is shown: ``/v1/decisions``

`sekisho audit report DIR` joins them with ``gateway.audit.verify.iter_entries``. A report believes what it reads:
whether the record is whole is ``sekisho audit verify``'s question, asked first where it matters.

What is counted, in one place: a *decision* is an answer of policy written in full; an *execution* is that entry or a
repeat under it, so a statement prepared once and run a hundred times is a hundred executions; *rows* come from the
completions of these executions. Only the postgres door sees rows: the others are asked, the caller reads, and may tell.
"""
