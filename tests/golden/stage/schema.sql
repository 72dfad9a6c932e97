-- The tables that scenarios are about, with a few rows each; who may read them is the gateway's to say.
CREATE TABLE users (id int PRIMARY KEY, name text, phone text, email text, device text);
CREATE TABLE messages (id int PRIMARY KEY, sender_id int, body text);
CREATE TABLE timeline_images (id int PRIMARY KEY, owner_id int, caption text, content bytea);
CREATE TABLE payments (id int PRIMARY KEY, user_id int, amount numeric);
CREATE TABLE health_consultations (id int PRIMARY KEY, user_id int, summary text);
CREATE TABLE consultations (id int PRIMARY KEY, resident_id int, question text);
CREATE TABLE notices (id int PRIMARY KEY, title text);
CREATE TABLE synthetic_reports (id int PRIMARY KEY, body text);
CREATE TABLE patients (id int PRIMARY KEY, name text, diagnosis text, diagnosis_hash text);
CREATE TABLE accounts (id int PRIMARY KEY, holder int, balance numeric);
CREATE TABLE genomes (id int PRIMARY KEY, person int, sequence text);
CREATE TABLE audience (id int PRIMARY KEY, email text, ad_id text);
CREATE TABLE traces (device text PRIMARY KEY, position text);
CREATE TABLE orders (id int PRIMARY KEY, name text);
CREATE TABLE orders_of_britons (id int PRIMARY KEY, name text);

INSERT INTO users SELECT n, 'name ' || n, '+1 555 010' || n, 'u' || n || '@example.com', 'device ' || n FROM generate_series(1, 9) n;
INSERT INTO messages SELECT n, n, 'body ' || n FROM generate_series(1, 9) n;
INSERT INTO timeline_images SELECT n, n, 'caption ' || n, '\x00' FROM generate_series(1, 9) n;
INSERT INTO payments SELECT n, n, n FROM generate_series(1, 9) n;
INSERT INTO health_consultations SELECT n, n, 'summary ' || n FROM generate_series(1, 9) n;
INSERT INTO notices VALUES (1, 'The river is rising');
INSERT INTO synthetic_reports VALUES (1, 'made up');
INSERT INTO patients SELECT n, 'name ' || n, 'diagnosis ' || n, md5('diagnosis ' || n) FROM generate_series(1, 9) n;
INSERT INTO accounts SELECT n, n, 100 * n FROM generate_series(1, 9) n;
INSERT INTO genomes SELECT n, n, 'ACGT' FROM generate_series(1, 9) n;
INSERT INTO audience SELECT n, 'u' || n || '@example.com', 'ad ' || n FROM generate_series(1, 9) n;
INSERT INTO traces SELECT 'device ' || n, '38.87,-77.05' FROM generate_series(1, 9) n;
INSERT INTO orders SELECT n, 'name ' || n FROM generate_series(1, 9) n;
INSERT INTO orders_of_britons SELECT n, 'name ' || n FROM generate_series(1, 9) n;

GRANT USAGE ON SCHEMA public TO sekisho_engineer;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO sekisho_engineer;
ANALYZE;
