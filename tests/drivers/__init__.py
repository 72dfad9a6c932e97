"""Every driver through the postgres door: a matrix of drivers and steps.

Map:
    vocabulary  the steps, the statements they are played with, and the drivers; README's table is made from it
    dbeaver     what DBeaver asks the catalogs
    stage       one server, one gateway with TLS before it, and an administrator's hand
    clients/    programs in Python, a module each; `built` speaks with the others:
    java/ node/ go/   sources of what `make tools` builds into .tools/drivers (tools/drivers.sh)

Each program is played twice, through the gateway and directly, and must be told the same and leave the same rows
behind: ``tests/integration/test_postgres_driver_matrix.py``.
"""
