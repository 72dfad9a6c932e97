"""The record: what was asked, decided and done, hash-chained on disk before bytes go on.

    record.py       builders of entries (plain dicts, snake_case, ``schema_version``); never values; raw SQL only sealed
    parts.py        what those of several kinds share: who asks, what a statement does, what was answered
    hashing.py      the keyed hash of a statement's text
    sealing.py      statements as they were asked, sealed for one reader
    ready.py        the two entries of every further execution, as text at once
    chain.py        canonical JSON and the chain: how an entry becomes a line, how a line is read back (pure)
    segments.py     the folder: names, listing, bounded reading of lines, durable creation of a segment
    folder.py       whose the folder is: one gateway's, of one process or several workers
    checkpoint.py   ``<writer>.head.json``: seq and hash of the last synced entry, so that a cut end is found
    resume.py       where a writer's chain ends, read when it is opened again; a torn tail is marked, not hidden
    files.py        what a writer holds open, and the first lines of a segment
    commit.py       group commit: the segment synced, the checkpoint moved, and when that is synced itself
    full.py         a full disk: what of a failed write landed, what is refused, what is owed until there is room
    writer.py       ``RecordWriter``: WRITTEN = one write, SYNCED = group commit by one thread; never drops
    key_files.py    keys of the record, read from PEM files
    heads.py        ``<writer>.heads.jsonl``: what the chain had come to, signed with a key
    keys.py         makes the pairs of keys that belong to a record
    tombstones.py   what pruned segments leave behind
    retention.py    for how long entries are kept, by whose data they are about
    holds.py        legal holds, as the chain of operators tells
    attested.py     what signed and anchored heads say, against the chain
    damage.py       what can be wrong with a record: the words of the three below
    walk.py         one pass over one writer's chain
    joined.py       the same, of segments that were checked one by one, by whoever helps
    blame.py        where the chain breaks, which entry is the first bad one, and what was done to it
    verify.py       ``verify(directory) -> Report`` and ``iter_entries``
    follow.py       ``Follower``: what was written after a position, writer by writer, while it is being written
    columns.py      ``columns/``: segments laid out by columns, for `sekisho audit query`; which of it still fits
    report_text.py  the same in words, for the command line; returns strings

An entry goes ``record`` -> ``chain.canonical`` -> ``chain.link`` -> one ``os.write``. A line is the entry with
``seq``, ``prev`` and ``hash`` behind it; ``hash`` is SHA-256 over every byte of the line before it, so the bytes on
disk are what is verified and nothing has to be serialised a second time.

Nothing here reads a clock: entries carry ``at_us``, made from the ``at_ns`` the caller passes. What the chain cannot
show: who can rewrite the segments *and* the checkpoint can forge a whole record. Signed heads show that, and anchors
outside the machine show it where the key was taken as well.
"""
