"""The server as judge of the SQL analysis: random statements, and what PostgreSQL itself says of the facts.

    relations.py     what a grammar may name: the relations of the corpus' schema, their columns and kinds
    extra.sql        what the schema lacks: row security, a serial and a virtual column, partitions of partitions
    expressions.py   expressions of a kind, over what is in scope
    aggregates.py    aggregates and window functions
    everyday.py      functions and operators that people use every day
    queries.py       SELECT in all its parts
    writes.py        INSERT, UPDATE, DELETE, MERGE
    judge.py         ``Judge``: facts of a statement, and the three questions put to the server
    tally.py         ``Tally``: what came out, printed and kept

The grammar draws from a ``random.Random`` made of a seed, and stops at a size; Hypothesis draws both: a smaller size is
a smaller statement.
"""
