"""The server's analysed tree: text as PostgreSQL prints it for ``debug_print_rewritten`` in, typed nodes out.

    tokens.py    text -> tokens, by the server's own rules (``pg_strtok``): only space, tab and newline separate
    fields.py    the tables: for every node of a major its fields *in order*, each with its role
    node.py      ``Role``, ``Shape`` (what a table's line is compiled to) and ``Node``
    reader.py    tokens + grammar -> ``Query`` nodes, or ``TreeRefused``

The reader knows no syntax of its own that could be talked into something else: every node must have exactly the fields
its major's table names, in that order, each with the one form its role has. That matters, because the server folds the
text at 78 bytes without regard for escapes: a long alias full of parentheses can put one bare parenthesis into the
text. A reader that skipped "uninteresting" parts by counting brackets could be led past a relation; this one finds a
token where a field name must stand, and refuses. Unknown node, unknown field, unknown major: refused, with the name.

No cleverness in here that mypyc cannot compile: plain classes with slots, lists, ints and strings.
"""
