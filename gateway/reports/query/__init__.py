"""`sekisho audit query`: the record asked in SQL, by DuckDB (extra `query`), over columns made of verified segments.

    layout.py      segments -> ``columns/``, three Parquet files each, once; what is not laid out, or does not hold
    pieces.py      which pieces of a record are laid out already, and which nobody needs any more
    views.py       what can be asked, and the locked connection that shows it and nothing else
    questions.py   which accesses, counted by what: filters and groups as SQL with parameters
    ask.py         ``Record``: one question, from the columns to an answer
    shown.py       the answer as a table, CSV, JSON, NDJSON

What is counted, in one place: a *decision* is an answer of policy written in full; an *execution* is that entry or a
repeat under it, so a statement prepared once and run a hundred times is a hundred executions; *rows* come from the
completions of these executions. Only the postgres door sees rows: the others are asked, the caller reads, and may tell.
"""
