"""Where the record is shipped to. Each kind is a ``Sink`` that sends a batch and returns when it is acknowledged.

    sink      the Protocol, what can go wrong, and how an entry is told to who wants an object
    make      the sink that a setting names, its library loaded only then
    kafka     a topic
    postgres  a table, by COPY; postgres_ddl: the SQL that makes it
    post      one POST after the other over a connection that is kept
    opa       OPA's decision logs, to any service that takes them
    otlp      OTLP logs, HTTP with JSON
    ocsf      files of OCSF events; ocsf_events: which class an entry is of

They run in a process of their own (`gateway.links.ship_process`), each in a thread: they may block.
"""
