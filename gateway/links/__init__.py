"""Outbound: everything the gateway asks of others, each behind something `authorize` can need.

Map:
    resolve     answers to needs: engine, twin, record; at once where it can be
    connection  one connection to a PostgreSQL server, and who gets its bytes
    server      reaching and logging in at a PostgreSQL server: TLS, SCRAM, one deadline; cancel requests
    farewell    the end of a client's session at the server: nothing may run on for somebody who is gone
    trust       TLS to it: whom we believe, what we show, what a login is bound to
    certificates  pairs and authorities in files that may change while we run
    asker       questions of our own over such a connection
    fair        whose turn it is: a queue that goes round those who wait
    locked      which relations somebody holds a strong lock on, as far as analyses that waited in vain can tell
    allowance   how many unknown statements one principal may ask about: so many a second, so many at once
    kubernetes  a few requests to an API server, as a service account
    webhook_certificates  of the injector, made and renewed there
    get         one GET of something that must not be forged
    bundles     policy and registry as a bundle from a web server, kept on disk
    engines     the engine a configuration names
    judges      the default one: rules judged in processes of their own, each killed where it takes too long
    judge_process  what runs in them
    opa         the other one: a real OPA
    breaker     when to ask somebody who fails again, and when not to ask at all
    apart       a process that reads long texts and large trees, so that the loop does not
    twin        the analysis twin: the server's trees, the catalogs, the epoch
    analysts    its connections, each under the search_path of whoever is asked for
    premises    what it rests on: a quiet log, a known encoding, roles without power
    scout       how the twin watches the catalogs: the epoch, what changed, the wake-up call
    sizes       how many rows its relations have, as the server estimates
    own_session what a strict datasource's client sessions are started with, and what their roles must be like
    sources     what a configuration names on disk, loaded with every problem of all of it: registry, policy, secrets
    jwks        key sets of issuers: files, and the form they must have; jwks_fetch: one request for one
    key_keeper  keys kept up to date: files watched, addresses fetched in the background
    line        between a supervisor and a worker: messages over a pair of sockets only they have
    siblings    a worker's end of it: what it shares with the others
    hub         the supervisor's ends: passes on, and knows how far each worker has come
    anchors     puts those heads where whoever rules this machine cannot change them, and finds them again
    pruning     removes segments whose time is over; how long the disk will last
    retention_table  for how long the record is kept: configuration, or the data of the packs
    stores      the places: a folder, any store that takes PUT, a bucket with object lock
    heads       what the record's chains had come to, signed
    helpers     processes that check segments beside the one that was asked to
    volume_file the counts of volume, over a restart
    subjects    the stores in which people are counted, this gateway's own first; subject_stores chooses one
    redis_subjects  the one that several gateways share; redis_scripts what is one step there
    ship_begin  who ships the record: the gateway itself, or its supervisor; shippers: the gateway's end of the process
    offspring  processes of our own beside the gateway: workers, and the one that ships
    ship_process  the process that does, with a thread for each sink; shipper: one sink's loop
    shipping    how much at a time, and when again; positions: how far each sink is, on disk
    sinks       what entries are shipped to, a room of its own
    traces      spans on their way to a collector, if that can be: nothing waits for them, and nothing is denied
    trace_spans what they look like there; otlp what all of OpenTelemetry's messages have in common
    remote      who waits until a sink has an entry
    secret      a secret in a file
    service_users names, verifiers and dates of those who log in with a password
    watch       folders that are loaded again when they change
    blocks_watch the kill-switch's own files: in force at once, lifted when they are whole
    overlay     what an administrator blocks and unblocks, and how that is kept
    registry_keeper  all that changes the running registry, one after the other
    freshness   how old what runs is, and what is refused in its place
    visit       what a person's command asks a database: log in, ask, leave
    labels      the catalog's labels beside what the databases have, whenever either changes
    strict_rules which sessions must be strict as rules and registry stand now
    tasks       the only place that makes asyncio tasks

Whatever is slow, broken or gone here is a reason to deny, with its own code.
"""
