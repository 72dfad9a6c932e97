"""Facts: who asks, where from, under whose law, about whose data. Python makes facts; it never judges them.

The map:

- ``identity``    a token and the moment -> the principal, or the exact reason why not
- ``keys``        an issuer's public keys, each bound to the algorithms it may verify
- ``certificates`` a client's certificate, verified -> the principal
- ``registry``    a folder of YAML files -> one frozen snapshot with one revision, or every problem with its place
- ``people``      people.yaml: issuer and subject -> employments, residence, stay
- ``people_table``, ``scim``   people.csv: the same by the thousand, and how a directory's users become it
- ``entities``    entities.yaml: legal entities, contracts, blocks (the kill-switch); and what was imported beside it
- ``blocks``      the kill-switch: blocks.yaml, read alone
- ``admin_blocks`` the kill-switch: what `sekisho block` blocks, and the file it is kept in
- ``called``      whom a name means: an entity, a person
- ``ownership``   who holds which share of whom, and what no set of holdings can be
- ``bulk``        entities.csv and ownership.csv: entities and holdings by the million, looked up where they lie
- ``control``     whether an entity is held from certain countries, by a regime's ownership test: yes, no, unknown
- ``ownership_tests`` what regimes ask of owners, out of the policy bundle's data
- ``changes``     what differs between two versions of the entities
- ``gleif``, ``gleif_read``   GLEIF's files, XML and CSV -> entities.csv and ownership.csv, unknowns kept
- ``lei``         legal entity identifiers and their check digits
- ``chain``       from the controller to the employer: ownership edges, then contract hops; owners upwards
- ``employer``    a person and a moment -> employer facts, with what is unknown said in words
- ``known_by``    where each of these facts comes from, and how well it is known
- ``networks``    networks.yaml: sites and their addresses, longest prefix first
- ``location``    a peer and a claim -> country or countries, or unknown and why
- ``sightings``   where people were seen in the last minutes: two countries are both, and flagged
- ``geoip``       a country database of addresses, where one is configured: inferred, never attested
- ``catalog``     catalog.yaml: tables and columns -> data types and whose data
- ``labels``      a statement and the catalog -> whose data of which types it touches
- ``live``        the labels beside a database as it is: labels of nothing, and what has none
- ``vouched``     catalog.yaml: functions and stored definitions that somebody looked into
- ``assurances``  what users were told and said, what was agreed abroad, which countries are adequate, as of any day:
  ``notices``     disclosures.yaml: disclosures and claims
  ``consents``    consents.yaml: what users said, and row filters where it lies person by person
  ``agreements``  agreements.yaml: safeguards with their checks and assessments
  ``adequacy``    adequacy.yaml: countries that a regime recognises, or does not
  ``one_at_a_time``   entries about one thing, of which one holds at a time
- ``designations`` what an authority or a law made of an entity
- ``volume``      rows so far in the window, by controller and employer
- ``subjects``    what a statement costs in people: by the row, by their keys, by the size of a table
- ``tally``       distinct people by employer, type of data and country, month by month; what is reserved of a limit
- ``sketches``    how many distinct values there were, and never which
- ``folder``      the files as bytes: known names, bounded, and whole as a manifest or a link says
- ``collecting``  how millions of objects are made without Python's collector walking through them
- ``references``  what the files say of each other
- ``yaml_tree``, ``fields``, ``csv_rows``, ``period``, ``countries``   how files are read: bounded, with lines, typed

Nothing here reads a clock: moments are whole seconds since the epoch, passed in as ``at``. Dates of the registry are
UTC days, in force from ``from`` until the day before ``to``. Unknown is a value, and no default makes it a country.
"""
