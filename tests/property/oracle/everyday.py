"""What people call every day besides: one template a line, by the kind it gives; ``{t}`` is an expression of kind t.

All of it must be understood. Some give another value each time, which the judge finds out by itself.
"""

from __future__ import annotations

TEMPLATES = {
    "i": """
char_length({t})
bit_length({t})
ascii({t})
strpos({t}, {t})
cardinality(string_to_array({t}, '-'))
date_part('year', {d})::int
extract(dow FROM {d})::int
width_bucket({i}, 0, 100, 5)
mod({i}, 7)
div({i}::numeric, 3)::int
sign({n})::int
gcd({i}, 12)
hashtext({t})
jsonb_array_length(jsonb_build_array({t}, {i}))
array_upper(ARRAY[{i}, {i}], 1)
pg_column_size({t})
octet_length({t})
get_byte('\\x00ff'::bytea, 1)
({t} ~ '^[0-9]+$')::int
bit_count({y})::int
({i} & 3 | 8)
({i} << 2)
(random() * 0)::int
(SELECT count(*) FROM regexp_matches({t}, 'a', 'g'))
""",
    "t": """
split_part({t}, '-', 2)
replace({t}, 'a', 'b')
translate({t}, 'abc', 'xyz')
btrim({t}, ' +')
rpad({t}, 12, '*')
repeat({t}, 2)
right({t}, 4)
quote_ident({t})
quote_nullable({t})
to_hex({i})
chr(65)
normalize({t})
unistr('a')
encode(sha256({y}), 'base64')
to_char({n}, '999.99')
to_char({d}, 'YYYY-MM-DD HH24:MI')
to_char({i}, '000')
substring({t} FROM '[0-9]+')
substring({t} SIMILAR '#"%#"' ESCAPE '#')
regexp_split_to_array({t}, '-')::text
(string_to_array({t}, '-'))[2]
array_to_string(ARRAY[{t}, {t}], ',', '*')
array_to_string(array_append(ARRAY[{t}], {t}), '-')
array_to_json(ARRAY[{t}])::text
json_build_array({t}, {i})::text
jsonb_pretty(jsonb_build_object('k', {t}))
jsonb_set('{{"a": 1}}'::jsonb, '{{a}}', to_jsonb({t}))::text
(jsonb_build_object('k', {t}) -> 'k')::text
jsonb_path_query_first(jsonb_build_object('k', {t}), '$.k')::text
jsonb_typeof({j})
to_json({t})::text
pg_typeof({t})::text
current_user::text
session_user::text
current_database()::text
current_schema()::text
version()
current_setting('server_version')
to_tsvector('english', {t})::text
plainto_tsquery({t})::text
ts_headline({t}, plainto_tsquery('a'))
gen_random_uuid()::text
format('%I %L', {t}, {t})
concat({t}, {i}, {d})
greatest({t}, {t}, 'b')
({t} COLLATE "POSIX")
age({d})::text
({d} - {d})::text
justify_hours(interval '30 hours')::text
int4range({i}, NULL)::text
lower(int4range(1, 5))::text
inet '10.0.0.1'::text
host(inet '10.0.0.1/8')
(point(1, 2) <-> point(0, 0))::text
md5({t})
num_nulls({t}, {i})::text
obj_description(0, 'pg_class')
pg_size_pretty({i}::bigint)
format_type(25, NULL)
('app.users'::regclass)::text
to_regclass('app.users')::text
(now() - interval '1 day')::date::text
""",
    "n": """
round({n}::numeric, 1)
trunc({n}::numeric, 1)
sqrt(abs({n}))
power({n}, 2)
ln(abs({n}) + 1)
exp(0.5)
pi()
degrees({n})
random()
({n} / 3)
to_number('12', '99')
ts_rank(to_tsvector({t}), plainto_tsquery('a'))::numeric
date_part('epoch', {d})
extract(epoch FROM now() - {d})
(EXTRACT(century FROM {d}))
(EXTRACT(epoch FROM ({d} - {d})))
scale({i}::numeric)
""",
    "d": """
to_timestamp(0)
to_timestamp('2025', 'YYYY')
to_date('2025-01-01', 'YYYY-MM-DD')
make_date(2025, 1, 1)
make_timestamptz(2025, 1, 1, 0, 0, 0)
date_trunc('hour', {d})
({d} - interval '1 hour')
timezone('Asia/Tokyo', {d})::timestamptz
clock_timestamp()
transaction_timestamp()
localtimestamp
least({d}, {d})
({d})::date
""",
    "b": """
starts_with({t}, 'a')
({t} SIMILAR TO 'a%')
(to_tsvector({t}) @@ plainto_tsquery('a'))
(ARRAY[{t}, {t}] && ARRAY['a'])
(ARRAY[{i}] <@ ARRAY[1, 2])
({j} @> '{{"a": 1}}')
({j} ? 'a')
(jsonb_path_exists({j}, '$.a'))
({j} IS NOT NULL)
(({d}, {d}) OVERLAPS ({d}, {d}))
({i} <@ int4range(1, 10))
({t} = ANY (string_to_array('a,b', ',')))
({t} !~~ ALL (ARRAY['a%']))
({d} BETWEEN SYMMETRIC {d} AND {d})
(inet '10.0.0.1' << inet '10.0.0.0/8')
({i} IS NOT DISTINCT FROM {i})
isfinite({d})
has_table_privilege('app.users', 'SELECT')
pg_is_in_recovery()
({t} ^@ 'a')
({y} = '\\x00')
({n} = 'NaN'::float8)
""",
    "y": """
decode('00ff', 'hex')
sha256({y})
set_byte('\\x00ff'::bytea, 0, 1)
({y} || '\\x00'::bytea)
convert_to({t}, 'UTF8')
""",
    "j": """
jsonb_build_object('a', {i}, 'b', {t})
jsonb_strip_nulls({j})
to_jsonb(ARRAY[{t}])
jsonb_path_query_array({j}, '$[*]')
({j} || '{{"b": 2}}')
jsonb_insert('{{"a": [1]}}'::jsonb, '{{a, 0}}', '2')
jsonb_object(ARRAY['k', {t}])
""",
}

LINES = {kind: tuple(text.strip().split("\n")) for kind, text in TEMPLATES.items()}
