"""The PostgreSQL wire protocol, version 3, without sockets: bytes and judgements in, actions out.

Map:
    startup    first bytes: encryption requests, cancel, start-up message and its allow-list
    login      our own login at a server (SCRAM-SHA-256 and -PLUS), for client sessions and the analysis twin
    scram      RFC 5802 / RFC 7677, the client's side; scram_server: the server's, with channel binding
    binding    what -PLUS is bound to: the hash of a certificate
    sasl       authentication messages as a server writes and reads them
    oauthbearer RFC 7628, the server's side
    proxy      PROXY protocol v2 header of a configured edge
    frames     cutting the client's stream into frames under a limit per type
    messages   bodies decoded as strictly as the server does; encoding
    guard      what errors and notices lose where they may quote data about people
    conditions what an SQLSTATE means, in words that hold no data
    ledger     what is on its way to the server, and the client's names for statements and portals
    path       the session's search_path: asked of the server wherever it may have moved
    sqlnames   those names in SQL text (PREPARE, EXECUTE, DECLARE, FETCH …): ours in their places
    refusals   what a session says by itself
    express    the fast lane of a session: what was judged before, sent and answered as it mostly is
    session    a logged-in session: judge, forward or substitute, relay
    strict     a session whose own server is asked what statements mean, and which is held to what was judged
    upward     its client's messages; downward: its server's; shared: what both know; actions: what the door must do

Rules of the package: a message without an entry in a table is refused; a statement is forwarded only after its
judgement; a denied one is *substituted* by a message that fails at the server, so that transactions, pipelines and
batches abort exactly as PostgreSQL aborts them; text, parameter values and rows stay byte-identical; the unnamed
statement of the client is the unnamed statement of the server, every other name becomes one of ours; what follows a
COPY waits until it is known whether the server takes data, so nothing but data ever gets between them.
"""
