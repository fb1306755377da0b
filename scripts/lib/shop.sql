-- A shop-like database. Variable: rows (of the events table).
\set ON_ERROR_STOP on
CREATE TYPE order_state AS ENUM ('new', 'paid', 'sent', 'returned');

CREATE TABLE accounts_book (
    id integer PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO accounts_book
SELECT n, 'customer ' || n, 'c' || n || '@example.org', timestamptz '2020-01-01' + n * interval '7 minutes'
FROM generate_series(1, 50000) n;

-- The largest table: grows at the end, and is changed everywhere.
CREATE TABLE events (
    id bigserial PRIMARY KEY,
    account_id integer NOT NULL REFERENCES accounts_book,
    kind text NOT NULL,
    payload jsonb NOT NULL,
    body text,
    amount numeric(12, 2) NOT NULL,
    happened_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO events (account_id, kind, payload, body, amount, happened_at)
SELECT 1 + n % 50000,
       (ARRAY['view', 'click', 'buy', 'return'])[1 + n % 4],
       jsonb_build_object('n', n, 'tags', jsonb_build_array(md5(n::text), n % 17)),
       CASE WHEN n % 5 = 0 THEN NULL ELSE repeat(md5(n::text), 1 + n % 3) END,
       (n % 100000)::numeric / 100,
       timestamptz '2021-01-01' + n * interval '11 seconds'
FROM generate_series(1, :rows) n;
CREATE INDEX events_account ON events (account_id, happened_at DESC);
CREATE INDEX events_happened ON events (happened_at);
CREATE INDEX events_buys ON events (amount) WHERE kind = 'buy';

-- Partitioned by time.
CREATE TABLE visits (
    at timestamptz NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    path text NOT NULL,
    took double precision,
    PRIMARY KEY (at, id)
) PARTITION BY RANGE (at);
CREATE TABLE visits_2024 PARTITION OF visits FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE visits_2025 PARTITION OF visits FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE visits_later PARTITION OF visits DEFAULT;
CREATE INDEX visits_path ON visits (path);
INSERT INTO visits (at, path, took)
SELECT timestamptz '2024-01-01' + n * interval '4 minutes', '/page/' || n % 977, random()
FROM generate_series(1, :rows / 8) n;

-- A uuid key: the rows on disk are not in the order of the key.
CREATE TABLE orders (
    order_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number bigint NOT NULL UNIQUE,
    account_id integer NOT NULL REFERENCES accounts_book,
    state order_state NOT NULL DEFAULT 'new',
    lines jsonb NOT NULL DEFAULT '[]',
    note varchar(200)
);
INSERT INTO orders (number, account_id, state, lines, note)
SELECT n, 1 + n % 50000, (enum_range(NULL::order_state))[1 + n % 4], jsonb_build_array(n, n % 7), 'order ' || n
FROM generate_series(1, :rows / 10) n;
CREATE INDEX orders_account ON orders (account_id);

-- Small; the second one has no key.
CREATE TABLE "Settings" ("key" text PRIMARY KEY, value text, CHECK ("key" <> ''));
INSERT INTO "Settings" SELECT 'setting ' || n, md5(n::text) FROM generate_series(1, 200) n;
CREATE TABLE deliveries_log (line text);
INSERT INTO deliveries_log SELECT 'delivered ' || n FROM generate_series(1, 1000) n;

CREATE VIEW buyers AS SELECT account_id, sum(amount) AS spent FROM events WHERE kind = 'buy' GROUP BY account_id;
CREATE MATERIALIZED VIEW best_buyers AS SELECT * FROM buyers ORDER BY spent DESC LIMIT 100;
CREATE UNIQUE INDEX best_buyers_account ON best_buyers (account_id);

CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.created_at := now(); RETURN NEW; END $$;
CREATE TRIGGER accounts_touch BEFORE INSERT ON accounts_book FOR EACH ROW EXECUTE FUNCTION touch();
ANALYZE;
