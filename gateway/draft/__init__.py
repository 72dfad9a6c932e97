"""A first draft of catalog.yaml from a live database: guesses, each with how sure and why, for a person to settle.

    dsn.py       a connection string -> the server, how it is believed, who logs in
    server.py    tables, keys, comments and a bounded sample of values, each table in a read-only transaction of its own
    ids.py       numbers that check themselves: cards, bank accounts, national identity numbers
    values.py    what a value looks like, and how many of a sample do
    names.py     what a column's or a table's name says, and words.py: names in several languages
    sure.py      how sure a guess is; seen.py: what was seen, and what is made of it
    guess.py     names, comments, types, keys and counts -> guesses
    text.py      guesses -> YAML that `sekisho registry check` accepts, or a JSON document
    make.py      all of it, from beginning to end

A value that was read is counted and forgotten: neither the draft nor an error or a log says what any of them was. What
nothing points at is left unlabelled, since a wrong label lets somebody read what nobody looked at.
"""
