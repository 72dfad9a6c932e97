"""A database as people make them: names in several languages, values that look like something, odd corners."""

from __future__ import annotations

# Numbers with right check digits, and none that belongs to anybody.
CARDS = ("4111111111111111", "5500005555555559", "4012888888881881", "378282246310005", "6011111111111117")
MY_NUMBER = "123456789018"
SECRETS = ("mizuho.tanaka@example.jp", "090-1234-5678", "Tanaka Mizuho", "203.0.113.77", *CARDS, MY_NUMBER)

SQL = """
CREATE TABLE customers (
    id bigint PRIMARY KEY, name text NOT NULL, contact text, reach text, "card" text, seen_from inet,
    country char(2), "生年月日" date, email_verified boolean, created_at timestamptz DEFAULT now(), shoe_size int
);
COMMENT ON COLUMN customers.reach IS 'phone number, as it was given';
INSERT INTO customers SELECT n, 'Tanaka Mizuho', 'mizuho.tanaka@example.jp', '090-1234-' || (5677 + n), NULL,
    '203.0.113.77', 'JP', '1990-01-01', true, now(), 25 FROM generate_series(1, 40) n;
UPDATE customers SET card = (ARRAY['4111111111111111', '5500005555555559', '4012888888881881', '378282246310005',
    '6011111111111117'])[1 + id % 5];
CREATE TABLE orders (
    id bigint PRIMARY KEY, placed_by bigint REFERENCES customers, total numeric, note text, "Strange # name
      evil: []" text
);
INSERT INTO orders SELECT n, n, 10, 'call me at mizuho.tanaka@example.jp please', NULL FROM generate_series(1, 5) n;
CREATE TABLE order_lines (id bigint PRIMARY KEY, order_id bigint REFERENCES orders, product text);
CREATE TABLE products (id bigint PRIMARY KEY, name text, created_at timestamptz);
INSERT INTO products VALUES (1, 'Paper', now());
CREATE TABLE devices (serial text PRIMARY KEY, imei text);
CREATE TABLE visits (id bigint, at date, "no" text) PARTITION BY RANGE (at);
CREATE TABLE visits_2026 PARTITION OF visits DEFAULT;
INSERT INTO visits SELECT n, '2026-01-01', '203.0.113.' || n FROM generate_series(1, 20) n;
CREATE SCHEMA "hr";
CREATE TABLE hr.mitarbeiter (
    nr int PRIMARY KEY, vorname text, nachname text, steuer_id text, notiz text, kojin bigint
);
INSERT INTO hr.mitarbeiter VALUES (1, 'A', 'B', NULL, 'x', 123456789018);
CREATE VIEW emails AS SELECT contact FROM customers;
CREATE TYPE odd AS (a text);
CREATE TABLE oddities (id int PRIMARY KEY, thing odd, email text[]);
INSERT INTO oddities VALUES (1, ROW('x'), ARRAY['mizuho.tanaka@example.jp', 'b']);
"""
