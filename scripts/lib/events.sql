-- One large table, as applications have it, with a key, three indexes and a foreign key. Variable: rows.
CREATE TABLE account (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO account SELECT n, 'account ' || n FROM generate_series(1, 10000) n;
CREATE TABLE events (
    id bigserial, account_id int NOT NULL, kind text NOT NULL, payload jsonb NOT NULL, body text, amount numeric(12, 2),
    created_at timestamptz NOT NULL, updated_at timestamptz);
INSERT INTO events (account_id, kind, payload, body, amount, created_at, updated_at)
SELECT 1 + (n * 7919) % 10000, (ARRAY['click', 'view', 'order', 'refund', 'login'])[1 + n % 5],
       jsonb_build_object('ip', '10.' || n % 256 || '.' || n / 256 % 256 || '.1', 'n', n, 'tags', ARRAY[n % 10, n % 100]),
       CASE WHEN n % 3 = 0 THEN md5(n::text) || ' ' || repeat('lorem ipsum ', (n % 7)::int) END, n % 100000 / 100.0,
       timestamptz '2024-01-01' + n * interval '1 second', CASE WHEN n % 10 = 0 THEN timestamptz '2025-01-01' END
FROM generate_series(1, :rows::bigint) n;
ALTER TABLE events ADD PRIMARY KEY (id);
CREATE INDEX events_account ON events (account_id);
CREATE INDEX events_created ON events (created_at);
CREATE INDEX events_orders ON events (created_at, amount) WHERE kind = 'order';
ALTER TABLE events ADD FOREIGN KEY (account_id) REFERENCES account;
VACUUM ANALYZE;
