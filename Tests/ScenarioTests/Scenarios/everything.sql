-- Every kind of object that pg_dump includes and PostgreSQL 13 supports; there are separate files for later versions.
CREATE SCHEMA app AUTHORIZATION app_owner;
COMMENT ON SCHEMA app IS 'it''s the application''s';
CREATE SCHEMA internals;
GRANT USAGE ON SCHEMA app TO app_reader, app_writer;
GRANT ALL ON SCHEMA internals TO app_owner WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO app_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE app_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE app_owner IN SCHEMA app GRANT USAGE ON SEQUENCES TO app_writer;

-- Types
CREATE TYPE app.mood AS ENUM ('sad', 'ok', 'it''s fine');
ALTER TYPE app.mood ADD VALUE 'awful' BEFORE 'sad';
COMMENT ON TYPE app.mood IS 'how it goes';
CREATE DOMAIN app.email AS text COLLATE "C" DEFAULT 'nobody@example.org' NOT NULL
    CONSTRAINT has_at CHECK (VALUE LIKE '%@%');
CREATE DOMAIN app.percent AS numeric(5, 2) CHECK (VALUE >= 0);
ALTER DOMAIN app.percent ADD CONSTRAINT not_above CHECK (VALUE <= 100) NOT VALID;
COMMENT ON CONSTRAINT has_at ON DOMAIN app.email IS 'the least one can ask';
CREATE TYPE app.address AS (street text COLLATE "C", number integer, moods app.mood[]);
COMMENT ON COLUMN app.address.number IS 'of the house';
CREATE FUNCTION internals.distance(double precision, double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1 - $2';
CREATE TYPE app.span AS RANGE (subtype = double precision, subtype_diff = internals.distance);
CREATE TYPE internals.number;
CREATE FUNCTION internals.number_in(cstring) RETURNS internals.number LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION internals.number_out(internals.number) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE internals.number (INPUT = internals.number_in, OUTPUT = internals.number_out, LIKE = integer);
CREATE TYPE internals.shell;
CREATE COLLATION internals.bytewise (provider = libc, locale = 'C');
COMMENT ON COLLATION internals.bytewise IS 'byte by byte';

-- Functions, operators, casts
CREATE FUNCTION app.stamp() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    -- Name: not_an_entry; Type: TABLE; Schema: app; Owner: -
    NEW.note := coalesce(NEW.note, '') || ' stamped';
    RETURN NEW;
END
$body$;
CREATE FUNCTION app.noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION app.lower_bound(app.span) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 7
    SET search_path = pg_catalog AS 'SELECT lower($1)';
CREATE FUNCTION app.many(a integer DEFAULT 3, VARIADIC b text[] DEFAULT '{x,y}') RETURNS SETOF text
    LANGUAGE sql STABLE ROWS 10 AS 'SELECT unnest(b)';
CREATE FUNCTION app.secret() RETURNS text LANGUAGE sql SECURITY DEFINER LEAKPROOF SET search_path = app, pg_temp
    AS $$ SELECT 'shh'::text $$;
REVOKE ALL ON FUNCTION app.secret() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.secret() TO app_owner;
ALTER FUNCTION app.secret() OWNER TO app_owner;
CREATE PROCEDURE app.tidy(INOUT n integer) LANGUAGE plpgsql AS $$ BEGIN n := n + 1; END $$;
COMMENT ON PROCEDURE app.tidy(integer) IS 'tidies';
CREATE AGGREGATE app.product(double precision) (SFUNC = float8mul, STYPE = double precision, INITCOND = '1');
CREATE AGGREGATE app.middle(double precision ORDER BY double precision)
    (SFUNC = ordered_set_transition, STYPE = internal, FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA);
CREATE FUNCTION internals.number_eq(internals.number, internals.number) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4eq';
CREATE FUNCTION internals.number_lt(internals.number, internals.number) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4lt';
CREATE FUNCTION internals.number_le(internals.number, internals.number) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4le';
CREATE FUNCTION internals.number_gt(internals.number, internals.number) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4gt';
CREATE FUNCTION internals.number_ge(internals.number, internals.number) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4ge';
CREATE FUNCTION internals.number_cmp(internals.number, internals.number) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'btint4cmp';
CREATE OPERATOR internals.= (LEFTARG = internals.number, RIGHTARG = internals.number, FUNCTION = internals.number_eq,
    COMMUTATOR = OPERATOR(internals.=), MERGES, RESTRICT = eqsel, JOIN = eqjoinsel);
CREATE OPERATOR internals.< (LEFTARG = internals.number, RIGHTARG = internals.number, FUNCTION = internals.number_lt);
CREATE OPERATOR internals.<= (LEFTARG = internals.number, RIGHTARG = internals.number, FUNCTION = internals.number_le);
CREATE OPERATOR internals.> (LEFTARG = internals.number, RIGHTARG = internals.number, FUNCTION = internals.number_gt);
CREATE OPERATOR internals.>= (LEFTARG = internals.number, RIGHTARG = internals.number, FUNCTION = internals.number_ge);
CREATE OPERATOR FAMILY internals.number_family USING btree;
CREATE OPERATOR CLASS internals.number_ops DEFAULT FOR TYPE internals.number USING btree FAMILY internals.number_family AS
    OPERATOR 1 internals.<, OPERATOR 2 internals.<=, OPERATOR 3 internals.=, OPERATOR 4 internals.>=, OPERATOR 5 internals.>,
    FUNCTION 1 internals.number_cmp(internals.number, internals.number);
COMMENT ON OPERATOR CLASS internals.number_ops USING btree IS 'as integers';
CREATE CAST (internals.number AS integer) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (integer AS internals.number) WITHOUT FUNCTION AS ASSIGNMENT;
COMMENT ON CAST (internals.number AS integer) IS 'the same bits';
CREATE CONVERSION internals.latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE ACCESS METHOD heap_too TYPE TABLE HANDLER heap_tableam_handler;

-- Text search
CREATE TEXT SEARCH PARSER internals.words (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype);
CREATE TEXT SEARCH TEMPLATE internals.plain (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY internals.short (TEMPLATE = internals.plain, stopwords = english);
CREATE TEXT SEARCH CONFIGURATION internals.search (PARSER = internals.words);
ALTER TEXT SEARCH CONFIGURATION internals.search ADD MAPPING FOR asciiword, word WITH internals.short, simple;
COMMENT ON TEXT SEARCH CONFIGURATION internals.search IS 'our own';

-- Sequences
CREATE SEQUENCE app.free START 7;
CREATE SEQUENCE app.odd AS smallint INCREMENT -3 MINVALUE -50 MAXVALUE 50 START 20 CACHE 5 CYCLE;
CREATE UNLOGGED TABLE app.scratch (id integer PRIMARY KEY);
SELECT nextval('app.odd'), nextval('app.odd');
GRANT USAGE, SELECT ON SEQUENCE app.free TO app_writer;
COMMENT ON SEQUENCE app.free IS 'nobody''s';

-- Tables
CREATE TABLE app.customers (
    id serial PRIMARY KEY,
    email app.email UNIQUE,
    mood app.mood DEFAULT 'ok',
    home app.address,
    gone integer,
    discount app.percent,
    name text DEFAULT 'with ''quotes'' and \backslash',
    note text COLLATE "C"
) WITH (fillfactor = 70, autovacuum_enabled = false, toast.autovacuum_enabled = false);
ALTER TABLE app.customers ALTER COLUMN name SET STORAGE EXTERNAL, ALTER COLUMN note SET STATISTICS 500;
ALTER TABLE app.customers ALTER COLUMN mood SET (n_distinct = 4);
ALTER TABLE app.customers DROP COLUMN gone;
ALTER TABLE app.customers OWNER TO app_owner;
COMMENT ON TABLE app.customers IS E'several\nlines';
COMMENT ON COLUMN app.customers.email IS 'unique';
COMMENT ON CONSTRAINT customers_pkey ON app.customers IS 'the key';
COMMENT ON INDEX app.customers_email_key IS 'its index';
GRANT SELECT (id, email), UPDATE (email) ON app.customers TO app_writer WITH GRANT OPTION;
GRANT INSERT ON app.customers TO app_writer;
INSERT INTO app.customers (email, home) SELECT 'c' || n || '@example.org', ROW('s', n, '{sad}')::app.address FROM generate_series(1, 300) n;

CREATE TABLE app.orders (
    id bigint GENERATED ALWAYS AS IDENTITY (START WITH 10 INCREMENT BY 10),
    customer integer NOT NULL,
    parent bigint,
    total numeric(12, 2) NOT NULL CHECK (total >= 0),
    gross numeric GENERATED ALWAYS AS (total * 1.2) STORED,
    during tsrange,
    tags text[],
    body jsonb,
    code internals.number,
    note text,
    CONSTRAINT orders_key PRIMARY KEY (id) INCLUDE (customer) WITH (fillfactor = 80)
);
INSERT INTO app.orders (customer, parent, total, during, tags, body, code)
SELECT 1 + n % 300, CASE WHEN n > 1 THEN 10 END, n, tsrange('2024-01-01'::timestamp + n * interval '1 day', '2024-01-01'::timestamp + (n + 1) * interval '1 day'),
       ARRAY['a', 'b' || n], jsonb_build_object('n', n), n::integer::internals.number FROM generate_series(1, 2000) n;
ALTER TABLE app.orders ADD CONSTRAINT orders_customer FOREIGN KEY (customer) REFERENCES app.customers ON UPDATE CASCADE ON DELETE RESTRICT;
ALTER TABLE app.orders ADD CONSTRAINT orders_parent FOREIGN KEY (parent) REFERENCES app.orders ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE app.orders ADD CONSTRAINT orders_code UNIQUE (code) DEFERRABLE;
ALTER TABLE app.orders ADD CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&) WHERE (total > 5);
ALTER TABLE app.orders ADD CONSTRAINT late_check CHECK (total <> 7) NOT VALID;
COMMENT ON CONSTRAINT late_check ON app.orders IS 'one row breaks it';
CREATE INDEX orders_partial ON app.orders (customer DESC NULLS LAST) INCLUDE (total) WHERE total > 100;
CREATE INDEX orders_expression ON app.orders ((total * 2), lower(note) text_pattern_ops, note COLLATE internals.bytewise);
ALTER INDEX app.orders_expression ALTER COLUMN 1 SET STATISTICS 700;
CREATE INDEX orders_gin ON app.orders USING gin (body jsonb_path_ops, tags) WITH (fastupdate = off);
CREATE INDEX orders_brin ON app.orders USING brin (id) WITH (pages_per_range = 4);
CREATE INDEX orders_hash ON app.orders USING hash (customer);
CREATE INDEX orders_words ON app.orders USING gin (to_tsvector('english', coalesce(note, '')));
CREATE UNIQUE INDEX orders_unique ON app.orders (id, customer);
ALTER TABLE app.orders CLUSTER ON orders_unique;
ALTER TABLE app.orders REPLICA IDENTITY USING INDEX orders_unique;
COMMENT ON INDEX app.orders_partial IS 'not all of them';
CREATE STATISTICS app.orders_stats (ndistinct, dependencies, mcv) ON customer, total FROM app.orders;
ALTER STATISTICS app.orders_stats SET STATISTICS 200;
COMMENT ON STATISTICS app.orders_stats IS 'they go together';

CREATE TABLE app.empty ();
CREATE TABLE app.wide (a text, b integer) WITH (parallel_workers = 3);
ALTER TABLE app.wide REPLICA IDENTITY FULL;
INSERT INTO app.wide SELECT 'x', n FROM generate_series(1, 30) n;
CREATE TABLE app.typed OF app.address (PRIMARY KEY (street), number WITH OPTIONS DEFAULT 5);
CREATE TABLE app.otherwise (id integer PRIMARY KEY) USING heap_too;
CREATE TABLE app.elsewhere (id integer PRIMARY KEY USING INDEX TABLESPACE scenario_space, v text) TABLESPACE scenario_space;
CREATE INDEX elsewhere_v ON app.elsewhere (v) TABLESPACE scenario_space;

-- Two tables that refer to each other, and one that both refer to by two columns
CREATE TABLE app.hen (id integer PRIMARY KEY, egg integer);
CREATE TABLE app.egg (id integer PRIMARY KEY, hen integer REFERENCES app.hen);
ALTER TABLE app.hen ADD FOREIGN KEY (egg) REFERENCES app.egg NOT VALID;
CREATE TABLE app.pairs (a integer, b integer, UNIQUE (a, b));
ALTER TABLE app.egg ADD a integer, ADD b integer;
ALTER TABLE app.egg ADD FOREIGN KEY (a, b) REFERENCES app.pairs (a, b) MATCH FULL ON DELETE CASCADE;

-- Inheritance
CREATE TABLE app.animals (id integer PRIMARY KEY, name text NOT NULL, CHECK (name <> ''), CONSTRAINT only_here CHECK (id > 0) NO INHERIT);
CREATE TABLE app.pets (owner text);
CREATE TABLE app.dogs (bark text DEFAULT 'wuff', CHECK (bark <> 'meow')) INHERITS (app.animals, app.pets);
ALTER TABLE app.dogs ALTER COLUMN name SET DEFAULT 'Rex';
INSERT INTO app.animals SELECT n, 'a' FROM generate_series(1, 20) n;
INSERT INTO app.dogs (id, name, owner) SELECT n, 'd', 'o' FROM generate_series(100, 120) n;

-- Partitions: range over list, hash, other column orders, an index of one partition only, one not attached
CREATE TABLE app.visits (at date NOT NULL, kind text NOT NULL, id integer NOT NULL, note text, PRIMARY KEY (at, kind, id)) PARTITION BY RANGE (at);
CREATE TABLE app.visits_2024 PARTITION OF app.visits FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY LIST (kind);
CREATE TABLE app.visits_2024_a PARTITION OF app.visits_2024 FOR VALUES IN ('a', 'it''s');
CREATE TABLE app.visits_2024_rest PARTITION OF app.visits_2024 DEFAULT WITH (fillfactor = 50);
CREATE TABLE app.visits_later (note text, id integer NOT NULL, dropped integer, kind text NOT NULL, at date NOT NULL);
ALTER TABLE app.visits_later DROP COLUMN dropped;
ALTER TABLE app.visits ATTACH PARTITION app.visits_later DEFAULT;
ALTER TABLE app.visits_later ALTER COLUMN note SET DEFAULT 'late';
CREATE INDEX visits_id ON app.visits (id);
CREATE INDEX visits_later_note ON app.visits_later (note);
CREATE INDEX visits_only ON ONLY app.visits (kind);
CREATE INDEX visits_2024_a_kind ON app.visits_2024_a (kind);
ALTER TABLE app.visits_2024_a ADD CONSTRAINT short CHECK (length(note) < 100);
INSERT INTO app.visits SELECT date '2024-06-01' + n % 400, CASE n % 3 WHEN 0 THEN 'a' ELSE 'b' END, n FROM generate_series(1, 1500) n;
CREATE TABLE app.buckets (id integer, v text) PARTITION BY HASH (id);
CREATE TABLE app.buckets_0 PARTITION OF app.buckets FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE app.buckets_1 PARTITION OF app.buckets FOR VALUES WITH (MODULUS 2, REMAINDER 1);
ALTER TABLE app.buckets ADD CONSTRAINT buckets_key UNIQUE (id);
ALTER TABLE app.buckets_0 ADD CONSTRAINT own_key PRIMARY KEY (id, v);
INSERT INTO app.buckets SELECT n, 'v' FROM generate_series(1, 100) n;
CREATE TABLE app.refers (id integer PRIMARY KEY, bucket integer REFERENCES app.buckets (id)) PARTITION BY RANGE (id);
CREATE TABLE app.refers_1 PARTITION OF app.refers FOR VALUES FROM (0) TO (1000);
INSERT INTO app.refers SELECT n, n FROM generate_series(1, 50) n;

-- Views
CREATE VIEW app.big_spenders WITH (security_barrier) AS
    SELECT c.id, c.email, sum(o.total) AS total FROM app.customers c JOIN app.orders o ON o.customer = c.id GROUP BY c.id;
CREATE VIEW app.checked AS SELECT id, name FROM app.animals WHERE id < 1000 WITH LOCAL CHECK OPTION;
ALTER VIEW app.checked ALTER COLUMN name SET DEFAULT 'unknown';
GRANT SELECT ON app.checked TO PUBLIC;
SET search_path = app;
CREATE RECURSIVE VIEW numbers (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < 10;
RESET search_path;
CREATE MATERIALIZED VIEW app.best AS SELECT id, total FROM app.big_spenders ORDER BY total DESC LIMIT 10;
CREATE UNIQUE INDEX best_id ON app.best (id);
CREATE MATERIALIZED VIEW app.best_two AS SELECT * FROM app.best LIMIT 2 WITH NO DATA;
CREATE MATERIALIZED VIEW app.a_first AS SELECT count(*) AS n FROM app.best;
-- Depends on a primary key, so it can only be created after it
CREATE MATERIALIZED VIEW app.grouped AS SELECT c.id, c.email, count(*) AS orders FROM app.customers c JOIN app.orders o ON o.customer = c.id GROUP BY c.id;
CREATE UNIQUE INDEX grouped_id ON app.grouped (id);
CREATE INDEX grouped_orders ON app.grouped (orders);
ALTER MATERIALIZED VIEW app.grouped CLUSTER ON grouped_id;
COMMENT ON MATERIALIZED VIEW app.grouped IS 'needs a key';
CREATE MATERIALIZED VIEW app.on_grouped AS SELECT * FROM app.grouped WHERE orders > 3;
GRANT SELECT ON app.grouped TO app_reader;

-- Rules and triggers
CREATE RULE skip AS ON INSERT TO app.pairs WHERE NEW.a IS NULL DO INSTEAD NOTHING;
CREATE RULE also AS ON DELETE TO app.wide DO ALSO NOTIFY wide;
ALTER TABLE app.wide DISABLE RULE also;
COMMENT ON RULE skip ON app.pairs IS 'nothing without a';
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE OF note ON app.orders FOR EACH ROW WHEN (NEW.total > 10) EXECUTE FUNCTION app.stamp();
CREATE TRIGGER off AFTER INSERT ON app.orders FOR EACH STATEMENT EXECUTE FUNCTION app.noop();
ALTER TABLE app.orders DISABLE TRIGGER off;
CREATE TRIGGER always AFTER DELETE ON app.orders REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION app.noop();
ALTER TABLE app.orders ENABLE ALWAYS TRIGGER always;
CREATE TRIGGER replica BEFORE TRUNCATE ON app.orders FOR EACH STATEMENT EXECUTE FUNCTION app.noop();
ALTER TABLE app.orders ENABLE REPLICA TRIGGER replica;
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON app.customers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.noop();
CREATE TRIGGER instead INSTEAD OF INSERT ON app.big_spenders FOR EACH ROW EXECUTE FUNCTION app.noop();
CREATE TRIGGER each_visit AFTER INSERT ON app.visits FOR EACH ROW EXECUTE FUNCTION app.noop();
COMMENT ON TRIGGER stamp ON app.orders IS 'stamps';

-- Row security
ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE app.wide ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON app.orders USING (true);
CREATE POLICY readers ON app.orders AS RESTRICTIVE FOR SELECT TO app_reader, app_writer USING (total < 1000000);
CREATE POLICY writers ON app.orders FOR INSERT TO app_writer WITH CHECK (total > 0);
CREATE POLICY quoted ON app.wide FOR UPDATE USING (a <> 'it''s') WITH CHECK (b > 0);
COMMENT ON POLICY writers ON app.orders IS 'no gifts';

-- Foreign data
CREATE FOREIGN DATA WRAPPER nothing OPTIONS (debug 'true');
CREATE SERVER far TYPE 'none' VERSION '1' FOREIGN DATA WRAPPER nothing OPTIONS (host 'nowhere');
CREATE USER MAPPING FOR app_owner SERVER far OPTIONS (password 'it''s secret');
CREATE FOREIGN TABLE app.distant (id integer OPTIONS (key 'yes') NOT NULL, v text DEFAULT 'x', CHECK (id > 0)) SERVER far OPTIONS (name 'there');
GRANT USAGE ON FOREIGN SERVER far TO app_owner;
COMMENT ON FOREIGN TABLE app.distant IS 'far away';
COMMENT ON SERVER far IS 'nowhere';

-- Replication and events
CREATE PUBLICATION part_of_it FOR TABLE app.customers, app.visits WITH (publish = 'insert, update', publish_via_partition_root = true);
CREATE PUBLICATION everything_there_is FOR ALL TABLES;
CREATE SUBSCRIPTION incoming CONNECTION 'host=nowhere.invalid dbname=x password=secret' PUBLICATION part_of_it
    WITH (connect = false, enabled = false, slot_name = NONE);
ALTER SUBSCRIPTION incoming SET (slot_name = 'incoming');
COMMENT ON SUBSCRIPTION incoming IS 'sleeps';
CREATE FUNCTION internals.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE EVENT TRIGGER watching ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'DROP TABLE') EXECUTE FUNCTION internals.watch();
ALTER EVENT TRIGGER watching ENABLE ALWAYS;
CREATE EVENT TRIGGER sleeping ON sql_drop EXECUTE FUNCTION internals.watch();
ALTER EVENT TRIGGER sleeping DISABLE;

-- Large objects
SELECT lo_from_bytea(910001, 'hello large world'), lo_from_bytea(910002, ''), lo_create(910003);
SELECT lo_put(910003, 3000000, convert_to(repeat('late ', 100000), 'UTF8'));
ALTER LARGE OBJECT 910001 OWNER TO app_owner;
GRANT SELECT ON LARGE OBJECT 910001 TO app_reader;
GRANT ALL ON LARGE OBJECT 910003 TO app_writer WITH GRANT OPTION;
COMMENT ON LARGE OBJECT 910002 IS 'it''s empty';
ANALYZE;
