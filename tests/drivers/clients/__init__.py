"""Programs in Python, a module each: ``play(play)`` connects to ``play.target``, goes through the steps and notes them.

psycopg3, psycopg2, asyncpg, pg8000, sqlalchemy: drivers; psql, pgbench, pg_dump: PostgreSQL's own programs; built: the
ones in Java, JavaScript and Go.
"""
