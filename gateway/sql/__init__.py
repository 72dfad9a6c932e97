"""What a statement touches: text to facts, without a socket, a clock or a guess.

    gate.py             the only importer of the parser: size, NUL, UTF-8, depth, kinds by allow-list; ``normalise``
    inner.py            the statement inside EXPLAIN, PREPARE and DECLARE, found and proved
    names.py            where the name stands in PREPARE, EXECUTE, DECLARE, FETCH and their kin, found and proved
    typenames.py        types that a text may name without the server being asked
    copying.py          what stands for a COPY: its query, or the SELECT or INSERT it amounts to
    creating.py         what stands for CREATE TABLE AS and its like: the query inside, and what is made of it
    returning.py        a clause of PostgreSQL 18 that the parser does not know
    kinds.py            kinds of statements in the words of SQL, for refusals
    named.py            the relations a text names: what its analysis may be held up by, never what it touches
    assigned.py         what SET, RESET, DISCARD ALL and set_config assign; what moves the search_path
    settings.py         which settings a session may set, reset and show
    tree/               the server's analysed tree: text -> typed nodes, one table of fields per major
    snapshot.py         the SQL that reads a catalog
    epoch.py            the SQL of the epoch: one row that changes when a meaning can, and which relations changed
    changes.py          what changed between two epochs: everything, or some relations
    depends.py          which relations a statement rests on
    catalog.py          ``Catalog``: a frozen snapshot of one database, by OID
    references.py       a field's role and its OID -> a question to the catalog
    definitions.py      stored definitions: where a literal stands that may be about people, and who vouches for it
    literals.py         which constants of a definition are only its structure
    limits.py           of which relations' definitions alone a statement asks
    calls.py            functions that may be called or not by what they are given
    vouched.py          which functions may appear, from ``data/functions.txt``; unknown means refused
    user_code.py        code of users that may run: what somebody vouches for, and what is made of it
    system_catalogs.py  which of the server's own catalogs may be read, and which of their columns not
    scope.py            one query level: its range table, its outputs, what was asked of them
    walker.py           the walk from a query to everything it touches
    privileges.py       what the server itself will ask privileges for: facts are never narrower
    targets.py          what a write does besides: triggers, checks, indexes, cascades
    spread.py           how many rows of each relation stand behind a row of the result, and what shows which column
    touched.py          the collector: columns with their use, relations, the first refusal
    together.py         several statements in one text, judged as one
    shape.py            a text without the constants that cannot change its meaning
    wording.py          the same by a text's words alone, where a text of these words was parsed before
    remark.py           a text without the comment that a tracing application ends each of its statements with
    facts.py            ``read_facts``: trees + catalog -> ``StatementFacts``
    rewrite/            masks, row filters and row limits written into a statement, and the proof of it
    provision.py        what a superuser runs once on the database: roles, grants, keyed hash, wake-up call
    codes.py            every reason why facts are not complete

No parser here is the authority on meaning: the server is. The gate uses ``pgparse`` (BSD-3, grammar of PostgreSQL 17):
30 000 chained ``+``, 60 kB of text, raise an exception from it and are a segmentation fault in ``postgast`` (BSD-2,
grammar of 18). ``pgparse`` dies too somewhere above 60 000 levels, so the gate bounds what a text can nest before it
parses. Its grammar is a release older than PostgreSQL 18: of what only 18 knows, ``RETURNING WITH (OLD AS …)`` is read
past, and the rest is refused as unparsable.
"""
