"""The bypass corpus: attacks on the analysis, each sent through the postgres door as raw protocol messages.

    cases.jsonl         the attacks and the controls; more.jsonl: more of both, found since
    housekeeping.jsonl  what drivers and tools ask by themselves
    schema.sql          the database they are aimed at: every protected value is a sentinel
    cases.py            a case read, what it needs, what proves its leak
    labels.py           the registry's catalog for a schema, made by code
    stage.py            server, clean databases, a gateway over each
    talk.py             messages out, everything that comes back kept and rendered
    play.py             one case played by one requester: what came back and what the record says
    judge.py            the verdict of a case
    housekeeping.py     the second corpus: which of the tools' statements are denied, and why
    report.py           lines and summaries
    golden.py           what is known to fall short, by major: golden/*.json; nothing may get worse than that
    run.py              ``python -m tests.bypass.run --server 18 [--housekeeping] [--json] [--only ID]``

Who asks: an engineer of the Chinese affiliate in Shanghai, to whom people's data is denied by every rule of the packs;
and, for cases that must be *understood* (``resolve``), an engineer of the controller in Tokyo, who is allowed, so that
what is reported is from an analysis that was complete.

Roles: the profile's role is ``gw_app``. Cases of ``gw_owner``, who owns every table, go through a second profile.
Cases of a superuser go through that one too: the gateway refuses to start over a superuser's profile, and the owner is
the most powerful role it serves. Start-up parameters are sent as they are (the login must be refused); a case that sets
``search_path`` this way is then played once more with the same path pinned by configuration.
"""
