"""The http door.

Map:
    door        the door on its address, from start to stop; server waitress behind it, tls its encryption
    app         the WSGI application; operations the one table of what it serves; room what each operation is given
    asking      /v1/authorize, /v1/authorize/batch, /v1/explain, /v1/complete
    selecting   /v1/query; results its rows in each format
    looking     /v1/decisions
    opa         /v1/data/sekisho/allow and /decision, for clients of OPA's
    trino       /v1/data/sekisho/trino/…, for Trino's OPA access control
    forwarding  /v1/forward-auth
    beside      /healthz, /readyz, /metrics, /v1/config, /openapi.json and /docs (its files are in pages/)
    admin       the admin port: status, reload, block, unblock, drain; a listener and an application of its own
    schemas     what is taken and answered, as JSON Schemas; openapi the document made from them and the table
    problems    what is said of a request that never became a question (RFC 9457)

Waitress moves bytes in one thread and runs requests in a few others, which block in the desk's synchronous calls.
"""
