"""The demo: a messenger's database, the people of the 2021 LINE case, and the gateway between them. Nothing is faked.

A real PostgreSQL 18, the real gateway as its own process (``sekisho serve``), real tokens, a real driver. Only the
places are staged: a relay stands in for an edge load balancer and states, by PROXY protocol, where a person calls from.

    schema.sql     tables, keys, and the roles with exactly the privileges a profile may use
    sample.py      what is in the tables: 86 users and what they left behind, the same on every run
    database.py    starts PostgreSQL from the wheel in a folder, as root or not, loads it, stops it
    characters.py  who plays and where they stand; the issuer's key, JWKS file and tokens
    settings.py    free ports, the folder's layout and its sekisho.yaml
    relay.py       the edge: prepends a PROXY v2 header and pipes bytes
    serving.py     `sekisho serve` as a child process, until it is ready
    trail.py       reads what the gateway added to its record
    story.py       the steps and what each is expected to give
    play.py        plays one step through the postgres door and compares
    kill_switch.py what is done last: all of a country is blocked, and let in again
    show.py        terminal output: colour, wrapping, tables
    run.py         the order of all this; ``run`` is the entry

The registry of these people and companies is in ``registry/``, in the same form a user writes their own.
"""
