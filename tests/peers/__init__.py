"""Drivers' own test-suites, through the gateway and directly: ``make peer-suites``, by hand.

A suite is the one of the driver's source archive, at the version and with the hash that requirements/dev.txt pins. It
is run on a direct connection, and then through a gateway that lets everything through: every rule in shadow mode,
nothing labelled. What passes directly must pass through the gateway, unless ``differences.toml`` says why it does not.

Map:
    suites       which suites, how their archives come, how one is run and its results are read
    world        the server and the gateway
    differences  what is known to differ, and why; what is unexplained, and what is explained and no longer so
    __main__     the command
"""
