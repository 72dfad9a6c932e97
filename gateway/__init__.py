"""Sekisho: a policy-as-code access gateway for databases. Who asks, from where, under whose law, for whose data?

Map, in the order of imports (a package may import what stands above it, never what stands below):

    errors words model naming
    search_path config logs metrics gathered  vocabulary: reasons, ids, frozen values, settings, counts
    facts                                 registry -> who, where, employer chain, labels, notices, volume
    sql                                   text and the server's tree -> what a statement touches
    policy                                facts -> Rego -> verdict
    audit                                 the hash-chained record
    pgwire                                PostgreSQL's protocol, without sockets
    reuse reading explain needs rations
    understand outcomes authorize                  THE ORDER: understand, decide, record, act; one body for all doors
    links                                 outbound: server, analysis twin, key files, watched folders
    doors                                 inbound: postgres, grpc, http; the desk they all ask
    world app worker supervisor           composition: what is known now, who knows whom; several processes
    check provision demo console cli      what people type

Everything left of ``links`` is pure: no sockets, no clock, no randomness (exceptions: files of ``audit``, loaders).
"""
