"""kill -9 at random moments, and what is left: ``make crash KILLS=500`` = ``python -m tests.crash --kills 500``.

A real gateway before a real PostgreSQL is killed again and again, under load and while it starts, and begins anew on
the same record. Witnesses are compared: what went to the server (a *tap* on the way to it), what the clients were
told, what the record says, and where statements wait for a log server far away, when that had acknowledged each.

==============  =====================================================================================================
``__main__``    the command line
``play``        one life after another: start, load, kill, compare
``stage``       the house it is played in, of which tests of other disasters make use, too
``lives``       the gateway's process, started as a user would or by ``nest``
``nest``        a process that has imported the gateway and forks one for each life: the imports are most of a start
``tap``         a relay between gateway and PostgreSQL that notes which statements were sent to be executed
``clients``     the load: people who may and who may not; simple, prepared, pipelined; each text one of its own
``afar``        that log server
``ledger``      the record of one life, by the keyed hash of each text
``judge``       the comparison: what is lost, what is missing, what nobody asked for
==============  =====================================================================================================

What must hold: every statement that the tap saw has its entry, everything that a client was told has its entry, the
chain verifies with its signed heads, each torn end is marked, and none of those that wait for the log server was sent
before it had been acknowledged. Completions are written with the next entry, 20 ms
later at most: those of the last moment may be missing, and are counted.
"""
