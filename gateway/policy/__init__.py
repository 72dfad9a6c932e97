"""From facts to a verdict: the input document, the engine that judges it, the strict reading of what it answered.

``input``      Understanding -> the JSON document of ``policies/schema/input.schema.json``.
``archive``    a ``Bundle`` as one file, as OPA reads it, and back.
``bundle``     folders of Rego packs and data -> ``Bundle`` with its revision; every problem with file and line.
``cases``      golden cases of policy authors: YAML files, read into documents and what has to come of them.
``engine``     the Protocol: one document in, one JSON value out, or ``PolicyUnavailable``.
``inprocess``  the engine that lives in this process, one compiled program for each thread.
``metadata``   what each rule must say of itself, in its module and in its pack's table.
``packs``      the list of packs: owners, and by which a datasource is asked; what of the data is from memory.
``rego``       the only importer of the Rego library: its quirks stop here, each with a test.
``signature``  whose file a bundle is, and that nobody changed it, as OPA defines it.
``result``     the JSON value -> ``Verdict``; whatever is not exactly the agreed shape is no answer.

One question goes ``parse_verdict(engine.evaluate(build_input(understanding)), ...)``. Rules live in ``policies/`` and
nowhere else: nothing here knows a country, a law or a threshold. No clock and no socket: time is in the document.
"""
