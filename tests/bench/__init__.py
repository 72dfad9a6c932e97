"""The benchmark: ``make bench`` = ``python -m tests.bench [--json] [--only NAME ...] [--seconds N] [--rounds N]``.

The gateway is that of the checkout, or of the wheel compiled from it, where SEKISHO_COMPILED names its folder
(``make bench`` compiles it where there is a C compiler). Everything is measured in one run on one machine, in short
interleaved rounds, and told as ratios of medians: absolute figures belong to the machine, ratios to the gateway.
Nothing here fails for being slow.

==============  =====================================================================================================
``__main__``    the command line: which sections, in which order
``sections``    their names, and what each needs to have started
``figures``     medians, percentiles, the values a section hands over
``report``      the values as a table and as JSON
``machine``     what they were measured on: cores, kernel, versions
``registry``    the gateway's files: one table twice, once about nobody, once about people
``stage``       PostgreSQL 18, PgBouncer and ``sekisho serve``, each a process of its own
``wire``        pgbench: direct, through PgBouncer, through the gateway; 8 clients and 1; simple and prepared
``bulk``        one large result, one large COPY
``memory``      sessions that do nothing
``relay``       a program that hands bytes on and looks at nothing: what Python on uvloop costs at least
``workers``     two workers against one process
``goals``       what was aimed at, and what the run gave
``abuse``       what others notice while one person sends unknown statements at full rate; ``abuser`` is that person
``hostile``     what others notice while one person's questions take the rules for ever
``killswitch``  from a block's publication to the last row that a blocked person gets
``access``      Authorize over gRPC beside OPA's REST interface; a hundred questions in one call
``rest``        /v1/authorize beside OPA's REST interface; a hundred questions in one request
``inside``      in this process: decisions, the reading of new statements
``record``      the record's writer: what an entry costs, how many can be synced; ``record_waits``: how long whoever
                waits has to wait, by class of durability
``known``       in this process: trees, and statements that are known by text or shape
``twin``        round trips of the analysis twin
==============  =====================================================================================================
"""

from __future__ import annotations

import os
import sys

if _compiled := os.environ.get("SEKISHO_COMPILED"):
    sys.path.insert(0, os.path.abspath(_compiled))  # before the checkout: for what is measured in this process, too
