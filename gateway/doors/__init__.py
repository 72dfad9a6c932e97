"""Inbound sockets, and the desk that every door asks.

Map:
    desk        who is this, which profile, may they; health; the one object the doors know
    profiles    which profile of a datasource or service somebody has
    drive       runs the order (`gateway.authorize`) on the loop, or synchronously
    callers     who may ask for whom at the doors that speak in documents; networks that may assert addresses
    requests    grpc and http: wire document -> question, one or several; one mapping, so the two cannot differ
    documents   fields of such a document, one at a time; answers what is told of a decision, as one
    resources   what a caller declares in place of a statement
    batches     several questions at once
    trino       what Trino's OPA access control asks, as facts; obligations in Trino's SQL
    completions what a caller tells of an execution that the gateway did not see: rows, bytes, people
    elsewhere   the same, where another worker decided
    access      sekisho.v1.AccessService; access_messages its messages as documents, access_watch the record, followed
    grpc        the door it is served at: TLS, limits, health, reflection; grpc_calls one call: whence, refused how
    envoy       Envoy's external authorization, beside grpc; envoy_request what it asks, envoy_answer what it is told
    http        a package: Flask under waitress
    injection   a package: the webhook that puts sidecars into pods; no door of a gateway, a server of its own
    opened      the doors beside the postgres door, opened as configured; inside its sessions for them
    postgres    listeners of the postgres door; pg_client one connection
    pg_opening  its first bytes; pg_tls its encryption; pg_proof who it is; pg_login its role; pg_session what is said
                after that, pg_line the client's end of it; pg_strict the trees of a strict session; pg_ticket what a
                judgement leaves; pg_express what was decided before, pg_turn its entries; pg_subjects whose data passed
                by; pg_traces the spans of its statements; pg_record what else it leaves in the record; cancel its keys,
                pg_cancel what is done when one is shown; pg_limits what a session may not exceed, and what ends it from
                outside; seats how many there are, room
                what they sent; guesses the wait after wrong passwords
    claims      addresses that several workers listen on, held for them
    refusals    how many refused logins are recorded one by one

A door moves bytes and says the answer in its own language. None has a policy of its own.
"""
