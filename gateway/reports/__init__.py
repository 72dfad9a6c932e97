"""Reports: the record, read back as answers. They open no socket and change nothing but columns of their own.

query/         `sekisho audit query`: filter, group, count and list accesses; free SQL
live.py        `sekisho audit tail`: entries as lines for a person, as they are written
decisions.py   which decisions of the record are wanted, and what of each is shown: ``/v1/decisions``
"""
