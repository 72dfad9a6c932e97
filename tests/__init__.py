"""Tests of Sekisho.

- ``unit/``         mirrors ``gateway/``: ``gateway/x/y.py`` has ``unit/x/test_y.py``; no server, no sleep
- ``property/``     Hypothesis: every split, every order, reused answers against fresh ones
- ``golden/``       cases as data files: input and the whole expected answer, run on every engine and door
- ``bypass/``       statements that once got through, or could: each must be refused or understood, for ever
- ``integration/``  real PostgreSQL, real drivers, real doors
- ``meta/``         the house itself: import direction, mirrored tests, README tables, licences
- ``bench/``        figures, not tests: ``make bench``

``servers.py`` has the fixtures for real servers and ``require_tool``; start reading there.
"""
