-- What the corpus' schema lacks and the grammar wants: row security that reads another table, a serial column, a CHECK that
-- tells of a column that is not written, partitions of partitions with an expression as key.
SET ROLE gw_owner;
CREATE TABLE app.notes (id serial PRIMARY KEY, user_id int, note text, CHECK (id <> 7 OR note LIKE 'SECRET%'));
INSERT INTO app.notes (user_id, note) VALUES (1, 'SECRETNOTE-1'), (3, 'SECRETNOTE-3');
CREATE POLICY own ON app.notes USING (user_id IN (SELECT s.id FROM app.stickers s WHERE s.price_yen < 200));
ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;
CREATE TABLE app.events (id int, kind text, at timestamptz NOT NULL DEFAULT '2025-01-01 00:00+00', place text)
  PARTITION BY LIST (lower(kind));
CREATE TABLE app.events_a PARTITION OF app.events FOR VALUES IN ('a') PARTITION BY RANGE (id);
CREATE TABLE app.events_a1 PARTITION OF app.events_a FOR VALUES FROM (0) TO (10);
CREATE TABLE app.events_rest PARTITION OF app.events DEFAULT;
INSERT INTO app.events VALUES (1, 'A', '2025-01-01', 'x'), (2, 'b', '2025-01-02', 'y');
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA app TO gw_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA app TO gw_app;
RESET ROLE;
ANALYZE;
