"""kill -9 at random moments, and what is left: ``make crash KILLS=500`` = ``python -m tests.crash --kills 500``.

A real gateway before a real PostgreSQL is killed again and again, under load and while it starts, and begins anew on
the same record. Three witnesses are compared: what went to the server (a *tap* on the way to it), what the clients were
told, and what the record says.

==============  =====================================================================================================
``__main__``    the command line
``play``        one life after another: start, load, kill, compare
``stage``       the house it is played in, of which tests of other disasters make use, too
``lives``       the gateway's process, started as a user would or by ``nest``
``nest``        a process that has imported the gateway and forks one for each life: the imports are most of a start
``tap``         a relay between gateway and PostgreSQL that notes which statements were sent to be executed
``clients``     the load: people who may and who may not; simple, prepared, pipelined; each text one of its own
``ledger``      the record of one life, by the keyed hash of each text
``judge``       the comparison: what is lost, what is missing, what nobody asked for
==============  =====================================================================================================

What must hold: every statement that the tap saw has its entry, everything that a client was told has its entry, the
chain verifies with its signed heads, and each torn end is marked. Completions are written with the next entry, 20 ms
later at most: those of the last moment may be missing, and are counted.
"""
