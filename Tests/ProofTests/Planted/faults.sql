-- Faults planted in a proven target, one line each; above it the findings that must name it: kind, object.
-- index: public.keys_a_plain on public.keys_a
-- comment: index public.keys_a_plain
DROP INDEX keys_a_plain;
-- index: public.keys_a_desc on public.keys_a
DROP INDEX keys_a_desc; CREATE INDEX keys_a_desc ON keys_a (a);
-- index: public.keys_a_partial on public.keys_a
DROP INDEX keys_a_partial; CREATE INDEX keys_a_partial ON keys_a (a) WHERE e = 4;
-- index: public.keys_a_include on public.keys_a
DROP INDEX keys_a_include; CREATE INDEX keys_a_include ON keys_a (a, b);
-- index: public.keys_a_expression on public.keys_a
DROP INDEX keys_a_expression; CREATE INDEX keys_a_expression ON keys_a (upper(b));
-- index: public.keys_a_opclass on public.keys_a
DROP INDEX keys_a_opclass; CREATE INDEX keys_a_opclass ON keys_a (b);
-- index: public.keys_a_collation on public.keys_a
DROP INDEX keys_a_collation; CREATE INDEX keys_a_collation ON keys_a (b);
-- index: public.keys_a_hash on public.keys_a
DROP INDEX keys_a_hash; CREATE INDEX keys_a_hash ON keys_a USING btree (b);
-- index: public.keys_a_fill on public.keys_a
ALTER INDEX keys_a_fill SET (fillfactor = 90);
-- index: public.keys_a_columns on public.keys_a
DROP INDEX keys_a_columns; CREATE INDEX keys_a_columns ON keys_a (e, a);
-- index: public.keys_a_unique on public.keys_a
DROP INDEX keys_a_unique; CREATE INDEX keys_a_unique ON keys_a (b);
-- index: public.keys_a_unique_two on public.keys_a
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'keys_a_unique_two'::regclass;
-- index: public.keys_a_hash on public.keys_a
UPDATE pg_index SET indisready = false WHERE indexrelid = 'keys_a_hash'::regclass;
-- index: public.extra on public.keys_a
CREATE INDEX extra ON keys_a (e, b);
-- index: public.keys_g_gin on public.keys_g
DROP INDEX keys_g_gin;
-- index: public.keys_g_brin on public.keys_g
DROP INDEX keys_g_brin; CREATE INDEX keys_g_brin ON keys_g USING brin (a) WITH (pages_per_range = 4);
-- index: public.mv_index_n on public.mv_index
DROP INDEX mv_index_n;
-- index: public.keys_e_a on public.keys_e
ALTER TABLE keys_e SET WITHOUT CLUSTER;
-- index: public.keys_f_a on public.keys_f
-- table: public.keys_f
ALTER TABLE keys_f REPLICA IDENTITY DEFAULT;
-- primary key: public.keys_b_pkey on public.keys_b
ALTER TABLE keys_b DROP CONSTRAINT keys_b_pkey;
-- primary key: public.keys_b_pkey on public.keys_b
ALTER TABLE keys_b DROP CONSTRAINT keys_b_pkey; CREATE UNIQUE INDEX keys_b_pkey ON keys_b (id);
-- primary key: public.keys_b_pkey on public.keys_b
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'keys_b_pkey'::regclass;
-- unique constraint: public.keys_b_u on public.keys_b
ALTER TABLE keys_b DROP CONSTRAINT keys_b_u;
-- unique constraint: public.keys_b_v on public.keys_b
ALTER TABLE keys_b DROP CONSTRAINT keys_b_v; ALTER TABLE keys_b ADD CONSTRAINT keys_b_v UNIQUE (v);
-- unique constraint: public.keys_b_w on public.keys_b
ALTER TABLE keys_b DROP CONSTRAINT keys_b_w; CREATE UNIQUE INDEX keys_b_w ON keys_b (w);
-- exclusion constraint: public.keys_b_r on public.keys_b
ALTER TABLE keys_b DROP CONSTRAINT keys_b_r;
-- exclusion constraint: public.keys_b_r on public.keys_b
ALTER TABLE keys_b DROP CONSTRAINT keys_b_r; ALTER TABLE keys_b ADD CONSTRAINT keys_b_r EXCLUDE USING gist (r WITH =);
-- primary key: public.keys_c_pkey on public.keys_c
-- column: public.keys_c.k
ALTER TABLE keys_c DROP CONSTRAINT keys_c_pkey; ALTER TABLE keys_c ALTER k DROP NOT NULL;
-- primary key: public.keys_c_pkey on public.keys_c
ALTER TABLE keys_c DROP CONSTRAINT keys_c_pkey; ALTER TABLE keys_c ADD CONSTRAINT keys_c_pkey PRIMARY KEY (k, id);
-- foreign key: "refs_a" on public.refs
-- comment: table constraint refs_a on public.refs
ALTER TABLE refs DROP CONSTRAINT refs_a;
-- foreign key: "refs_b" on public.refs
ALTER TABLE refs DROP CONSTRAINT refs_b; ALTER TABLE refs ADD CONSTRAINT refs_b FOREIGN KEY (b) REFERENCES keys_a ON DELETE NO ACTION;
-- foreign key: "refs_c" on public.refs
ALTER TABLE refs ALTER CONSTRAINT refs_c NOT DEFERRABLE;
-- foreign key: "refs_d" on public.refs
ALTER TABLE refs DROP CONSTRAINT refs_d; ALTER TABLE refs ADD CONSTRAINT refs_d FOREIGN KEY (d) REFERENCES keys_a NOT VALID;
-- foreign key: "refs_e" on public.refs
ALTER TABLE refs DROP CONSTRAINT refs_e; ALTER TABLE refs ADD CONSTRAINT refs_e FOREIGN KEY (e) REFERENCES keys_d;
-- foreign key: "refs_a" on public.refs
-- foreign key: "refs_b" on public.refs
-- foreign key: "refs_d" on public.refs
-- foreign key: "refs_c" on public.refs
-- foreign key: "refs_e" on public.refs
-- foreign key: "refs_f" on public.refs
ALTER TABLE refs DISABLE TRIGGER ALL;
-- primary key: public.late_keys_pkey on public.late_keys
ALTER TABLE late_keys DISABLE TRIGGER ALL;
-- foreign key: "refs_extra" on public.refs
ALTER TABLE refs ADD CONSTRAINT refs_extra FOREIGN KEY (a) REFERENCES keys_d;
-- check constraint: "checks_a" on public.checks
ALTER TABLE checks DROP CONSTRAINT checks_a;
-- check constraint: "checks_b" on public.checks
ALTER TABLE checks DROP CONSTRAINT checks_b; ALTER TABLE checks ADD CONSTRAINT checks_b CHECK (b < 2000);
-- check constraint: "checks_c" on public.checks
ALTER TABLE checks DROP CONSTRAINT checks_c; ALTER TABLE checks ADD CONSTRAINT checks_c CHECK (c <> 7) NOT VALID;
-- check constraint: "checks_d" on public.checks
ALTER TABLE checks DROP CONSTRAINT checks_d; ALTER TABLE checks ADD CONSTRAINT checks_d CHECK (d <> 8);
-- check constraint: "checks_extra" on public.checks
ALTER TABLE checks ADD CONSTRAINT checks_extra CHECK (a < 99999);
-- column: public.child.id
ALTER TABLE child NO INHERIT parent; ALTER TABLE child INHERIT parent;
-- column: public.columns_a.n
ALTER TABLE columns_a ALTER n DROP NOT NULL;
-- column: public.columns_a.n_two
ALTER TABLE columns_a ALTER n_two TYPE bigint;
-- column: public.columns_a.d
ALTER TABLE columns_a ALTER d SET DEFAULT 6;
-- column: public.columns_a.d_two
ALTER TABLE columns_a ALTER d_two DROP DEFAULT;
-- column: public.columns_a.t
ALTER TABLE columns_a ALTER t TYPE varchar(21);
-- column: public.columns_a.u
ALTER TABLE columns_a ALTER u TYPE numeric(9, 2);
-- column: public.columns_a.i
ALTER TABLE columns_a ALTER i SET GENERATED ALWAYS;
-- column: public.columns_a.i
-- sequence: public.columns_a_i_seq
ALTER TABLE columns_a ALTER i DROP IDENTITY;
-- column: public.columns_a.g
ALTER TABLE columns_a ALTER g DROP EXPRESSION;
-- column: public.columns_a.c
ALTER TABLE columns_a ALTER c TYPE text COLLATE "POSIX";
-- column: public.columns_a.s
ALTER TABLE columns_a ALTER s SET STORAGE EXTENDED;
-- column: public.columns_a.z
ALTER TABLE columns_a ALTER z SET COMPRESSION pglz;
-- column: public.columns_a.st
ALTER TABLE columns_a ALTER st SET STATISTICS 100;
-- column: public.columns_a.o
ALTER TABLE columns_a ALTER o RESET (n_distinct);
-- column: public.columns_a.gone
-- table: public.columns_a
ALTER TABLE columns_a DROP COLUMN gone;
-- column: public.columns_a.more
-- table: public.columns_a
ALTER TABLE columns_a ADD COLUMN more int;
-- column: public.columns_a.w
-- column: public.columns_a.v
-- table: public.columns_a
ALTER TABLE columns_a RENAME COLUMN w TO v;
-- column: public.columns_b.id
-- sequence: public.columns_b_id_seq
ALTER TABLE columns_b ALTER id DROP DEFAULT; DROP SEQUENCE columns_b_id_seq;
-- sequence: public.columns_b_id_seq
SELECT setval('columns_b_id_seq', 1);
-- table: public.options_a
ALTER TABLE options_a SET (fillfactor = 60);
-- table: public.options_a
ALTER TABLE options_a RESET (autovacuum_enabled);
-- table: public.options_b
ALTER TABLE options_b RESET (toast.autovacuum_enabled);
-- table: public.options_c
-- primary key: public.options_c_pkey on public.options_c
DROP TABLE options_c;
-- table: public.options_d
ALTER TABLE options_d REPLICA IDENTITY NOTHING;
-- table: public.options_e
ALTER TABLE options_e SET UNLOGGED;
-- table: public.options_f
ALTER TABLE options_f ENABLE ROW LEVEL SECURITY;
-- table: public.options_g
ALTER TABLE options_g NO FORCE ROW LEVEL SECURITY;
-- table: public.options_h
ALTER TABLE options_h SET LOGGED;
-- table: public.stranger
CREATE TABLE stranger (id int);
-- table: public.child
ALTER TABLE child NO INHERIT parent;
-- table: public.parts_2
-- index: public.parts_2_id_idx on public.parts_2
-- primary key: public.parts_2_pkey on public.parts_2
ALTER TABLE parts DETACH PARTITION parts_2;
-- table: public.parts_1
ALTER TABLE parts DETACH PARTITION parts_1; ALTER TABLE parts ATTACH PARTITION parts_1 FOR VALUES FROM ('2023-01-01') TO ('2025-01-01');
-- index: public.parts_id on public.parts
-- index: public.parts_1_id_idx on public.parts_1
-- index: public.parts_2_id_idx on public.parts_2
-- index: public.parts_3_id_idx on public.parts_3
DROP INDEX parts_id;
-- index: public.parts_id on public.parts
-- index: public.parts_1_id_idx on public.parts_1
-- index: public.parts_2_id_idx on public.parts_2
-- index: public.parts_3_id_idx on public.parts_3
DROP INDEX parts_id; CREATE INDEX parts_id ON ONLY parts (id);
-- trigger: t_parts on public.parts_1
ALTER TABLE parts_1 DISABLE TRIGGER t_parts;
-- sequence: public.seq_a
SELECT setval('seq_a', 99);
-- sequence: public.seq_a
SELECT setval('seq_a', 100, false);
-- sequence: public.seq_b
ALTER SEQUENCE seq_b INCREMENT 2;
-- sequence: public.seq_c
ALTER SEQUENCE seq_c MAXVALUE 1000;
-- sequence: public.seq_d
ALTER SEQUENCE seq_d CACHE 20;
-- sequence: public.seq_e
ALTER SEQUENCE seq_e CYCLE;
-- sequence: public.seq_f
ALTER SEQUENCE seq_f NO CYCLE;
-- sequence: public.seq_g
ALTER SEQUENCE seq_g AS smallint;
-- sequence: public.seq_h
SELECT setval('seq_h', -1, false);
-- sequence: public.seq_i
ALTER SEQUENCE seq_i START 6;
-- sequence: public.seq_j
DROP SEQUENCE seq_j;
-- sequence: public.seq_k
ALTER SEQUENCE seq_k OWNED BY NONE;
-- sequence: public.seq_k
ALTER SEQUENCE seq_k OWNED BY columns_b.b;
-- sequence: public.seq_extra
CREATE SEQUENCE seq_extra;
-- sequence: public.seq_l
ALTER SEQUENCE seq_l MINVALUE 0;
-- function: public.f_body()
CREATE OR REPLACE FUNCTION f_body() RETURNS int LANGUAGE sql AS 'SELECT 2';
-- function: public.f_volatility()
ALTER FUNCTION f_volatility() VOLATILE;
-- function: public.f_strict(integer)
ALTER FUNCTION f_strict(int) CALLED ON NULL INPUT;
-- function: public.f_definer()
ALTER FUNCTION f_definer() SECURITY INVOKER;
-- function: public.f_settings()
ALTER FUNCTION f_settings() SET work_mem = '9MB';
-- function: public.f_settings()
ALTER FUNCTION f_settings() RESET ALL;
-- function: public.f_parallel()
ALTER FUNCTION f_parallel() PARALLEL UNSAFE;
-- function: public.f_cost()
ALTER FUNCTION f_cost() COST 51;
-- function: public.f_default(a integer)
CREATE OR REPLACE FUNCTION f_default(a int DEFAULT 4) RETURNS int LANGUAGE sql AS 'SELECT a';
-- function: public.f_gone()
DROP FUNCTION f_gone();
-- function: public.f_overloaded(text)
DROP FUNCTION f_overloaded(text);
-- function: public.f_leakproof()
ALTER FUNCTION f_leakproof() NOT LEAKPROOF;
-- function: public.f_set()
ALTER FUNCTION f_set() ROWS 8;
-- function: public.f_atomic(a integer)
CREATE OR REPLACE FUNCTION f_atomic(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT a + 2; END;
-- function: public.f_new()
CREATE FUNCTION f_new() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- procedure: public.p_body()
CREATE OR REPLACE PROCEDURE p_body() LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''x''; END';
-- aggregate: public.total(integer)
CREATE OR REPLACE AGGREGATE total (int) (sfunc = int4pl, stype = int, initcond = '1');
-- aggregate: public.total_two(integer)
DROP AGGREGATE total_two (int);
-- operator: public.====(integer,integer)
DROP OPERATOR ==== (int, int);
-- operator class: public.twice USING hash
-- operator family: public.twice USING hash
DROP OPERATOR FAMILY twice USING hash CASCADE;
-- cast: (text AS public.address)
DROP CAST (text AS address);
-- cast: (text AS public.address)
DROP CAST (text AS address); CREATE CAST (text AS address) WITH FUNCTION to_address(text) AS ASSIGNMENT;
-- trigger: t_a on public.fired
ALTER TABLE fired DISABLE TRIGGER t_a;
-- trigger: t_b on public.fired
DROP TRIGGER t_b ON fired;
-- trigger: t_c on public.fired
DROP TRIGGER t_c ON fired; CREATE TRIGGER t_c BEFORE UPDATE ON fired FOR EACH ROW WHEN (NEW.a > 6) EXECUTE FUNCTION stamp();
-- trigger: t_d on public.fired
DROP TRIGGER t_d ON fired; CREATE TRIGGER t_d AFTER DELETE ON fired FOR EACH STATEMENT EXECUTE FUNCTION stamp_two();
-- trigger: t_e on public.fired
ALTER TABLE fired ENABLE TRIGGER t_e;
-- trigger: t_f on public.fired
ALTER TABLE fired ENABLE REPLICA TRIGGER t_f;
-- trigger: t_extra on public.fired
CREATE TRIGGER t_extra BEFORE UPDATE ON fired FOR EACH ROW EXECUTE FUNCTION stamp();
-- trigger: t_late on public.fired
DROP TRIGGER t_late ON fired; CREATE TRIGGER t_late AFTER INSERT ON fired FOR EACH ROW EXECUTE FUNCTION stamp();
-- event trigger: ddl_a
ALTER EVENT TRIGGER ddl_a ENABLE;
-- event trigger: ddl_b
DROP EVENT TRIGGER ddl_b;
-- event trigger: ddl_b
DROP EVENT TRIGGER ddl_b; CREATE EVENT TRIGGER ddl_b ON ddl_command_end WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION on_ddl();
-- view: public.v_definition
CREATE OR REPLACE VIEW v_definition AS SELECT id, a FROM keys_a WHERE a > 1;
-- view: public.v_options
ALTER VIEW v_options RESET (security_barrier);
-- view: public.v_gone
DROP VIEW v_gone;
-- view: public.v_columns
ALTER VIEW v_columns RENAME COLUMN a TO a_two;
-- view: public.v_extra
CREATE VIEW v_extra AS SELECT 1 AS one;
-- materialized view: public.mv_populated
REFRESH MATERIALIZED VIEW mv_populated WITH NO DATA;
-- materialized view: public.mv_idle
-- statistics: public.mv_idle
REFRESH MATERIALIZED VIEW mv_idle;
-- materialized view: public.mv_definition
-- statistics: public.mv_definition
DROP MATERIALIZED VIEW mv_definition; CREATE MATERIALIZED VIEW mv_definition AS SELECT 2 AS n;
-- rule: r_a on public.ruled
DROP RULE r_a ON ruled;
-- rule: r_b on public.ruled
CREATE OR REPLACE RULE r_b AS ON UPDATE TO ruled DO ALSO SELECT 2;
-- rule: r_c on public.ruled
ALTER TABLE ruled DISABLE RULE r_c;
-- policy: mine on public.secret
ALTER POLICY mine ON secret USING (who = 'me');
-- policy: theirs on public.secret
ALTER POLICY theirs ON secret WITH CHECK (true);
-- policy: all_of_it on public.secret
ALTER POLICY all_of_it ON secret TO PUBLIC;
-- policy: narrow on public.secret
DROP POLICY narrow ON secret; CREATE POLICY narrow ON secret FOR DELETE USING (id > 0);
-- policy: narrow on public.secret
DROP POLICY narrow ON secret;
-- policy: open on public.secret
CREATE POLICY open ON secret USING (true);
-- table: public.secret
ALTER TABLE secret DISABLE ROW LEVEL SECURITY;
-- enum: public.mood
ALTER TYPE mood ADD VALUE 'glad' BEFORE 'happy';
-- enum: public.colour
DROP TYPE colour; CREATE TYPE colour AS ENUM ('green', 'red');
-- enum: public.colour
ALTER TYPE colour RENAME VALUE 'red' TO 'blue';
-- composite type: public.address
ALTER TYPE address ADD ATTRIBUTE city text;
-- domain: public.positive
ALTER DOMAIN positive DROP CONSTRAINT positive_check;
-- domain: public.named
ALTER DOMAIN named SET DEFAULT 'somebody';
-- domain: public.always_there
ALTER DOMAIN always_there DROP NOT NULL;
-- domain: public.always_there
DROP DOMAIN always_there;
-- range type: public.span
DROP TYPE span CASCADE; CREATE TYPE span AS RANGE (subtype = float8, subtype_diff = float8mi);
-- collation: public.sorted
DROP COLLATION sorted; CREATE COLLATION sorted (provider = libc, locale = 'POSIX');
-- collation: public.sorted_gone
DROP COLLATION sorted_gone;
-- text search dictionary: public.words
ALTER TEXT SEARCH DICTIONARY words (stopwords);
-- text search configuration: public.searched
ALTER TEXT SEARCH CONFIGURATION searched ALTER MAPPING FOR asciiword WITH simple;
-- text search configuration: public.searched_gone
DROP TEXT SEARCH CONFIGURATION searched_gone;
-- foreign-data wrapper: nowhere
ALTER FOREIGN DATA WRAPPER nowhere OPTIONS (SET a '2');
-- server: far
ALTER SERVER far OPTIONS (SET host 'near');
-- server: farther
DROP SERVER farther;
-- user mapping: PUBLIC on far
DROP USER MAPPING FOR PUBLIC SERVER far;
-- foreign table: public.far_table
ALTER FOREIGN TABLE far_table OPTIONS (SET name 'y');
-- foreign table: public.far_gone
DROP FOREIGN TABLE far_gone;
-- foreign table: public.far_part
ALTER TABLE logs DETACH PARTITION far_part;
-- foreign table: public.far_detached
ALTER TABLE logs ATTACH PARTITION far_detached FOR VALUES FROM ('2011-01-01') TO ('2012-01-01');
-- foreign table: public.far_child
ALTER FOREIGN TABLE far_child NO INHERIT parent;
-- publication: pub_schema
-- published table: spare.t in pub_schema
ALTER PUBLICATION pub_schema SET TABLES IN SCHEMA spare;
-- view default: public.v_default.a
ALTER VIEW v_default ALTER a SET DEFAULT 6;
-- view default: public.v_default.b
ALTER VIEW v_default ALTER b DROP DEFAULT;
-- view default: public.v_default.id
ALTER VIEW v_default ALTER id SET DEFAULT 7;
-- column: public.mv_columns.t
ALTER MATERIALIZED VIEW mv_columns ALTER t SET STORAGE EXTERNAL;
-- column: public.mv_columns.n
ALTER MATERIALIZED VIEW mv_columns ALTER n SET STATISTICS 7;
-- sequence: public.seq_m
SELECT setval('seq_m', 2147483647);
-- column: public.far_table.b
ALTER FOREIGN TABLE far_table ALTER b TYPE varchar(5);
-- published table: public.keys_a in pub_a
ALTER PUBLICATION pub_a DROP TABLE keys_a;
-- publication: pub_b
ALTER PUBLICATION pub_b SET (publish = 'insert, delete');
-- publication: pub_c
DROP PUBLICATION pub_c;
-- statistics object: public.st_gone
DROP STATISTICS st_gone;
-- statistics object: public.st_kinds
DROP STATISTICS st_kinds; CREATE STATISTICS st_kinds (dependencies) ON a, b FROM keys_a;
-- statistics object: public.st_target
ALTER STATISTICS st_target SET STATISTICS 200;
-- schema: spare_two
DROP SCHEMA spare_two;
-- privileges: table public.keys_a
REVOKE SELECT ON keys_a FROM pg_monitor;
-- privileges: table public.keys_a
GRANT UPDATE ON keys_a TO PUBLIC;
-- privileges: table public.keys_b
REVOKE SELECT (v) ON keys_b FROM pg_monitor;
-- privileges: table public.keys_b
REVOKE GRANT OPTION FOR INSERT ON keys_b FROM pg_monitor;
-- privileges: function public.f_body()
GRANT EXECUTE ON FUNCTION f_body() TO PUBLIC;
-- privileges: schema spare
REVOKE USAGE ON SCHEMA spare FROM pg_monitor;
-- privileges: sequence public.seq_a
REVOKE USAGE ON SEQUENCE seq_a FROM pg_monitor;
-- privileges: type public.mood
GRANT USAGE ON TYPE mood TO PUBLIC;
-- privileges: type public.address
GRANT USAGE ON TYPE address TO PUBLIC;
-- extension grant: function public.file_fdw_validator
GRANT EXECUTE ON FUNCTION file_fdw_validator(text[], oid) TO PUBLIC;
-- extension grant: function public.file_fdw_handler()
REVOKE EXECUTE ON FUNCTION file_fdw_handler() FROM PUBLIC; GRANT EXECUTE ON FUNCTION file_fdw_handler() TO pg_read_all_data;
-- privileges: server far
REVOKE USAGE ON FOREIGN SERVER far FROM pg_monitor;
-- privileges: view public.v_definition
REVOKE UPDATE ON v_definition FROM PUBLIC;
-- privileges: schema public
GRANT CREATE ON SCHEMA public TO PUBLIC;
-- default privileges: of role postgres on tables in schema spare
ALTER DEFAULT PRIVILEGES IN SCHEMA spare GRANT INSERT ON TABLES TO pg_monitor;
-- default privileges: of role postgres on tables in schema spare
ALTER DEFAULT PRIVILEGES IN SCHEMA spare REVOKE SELECT ON TABLES FROM pg_monitor;
-- owner: table public.keys_c
ALTER TABLE keys_c OWNER TO postgres;
-- owner: function public.f_cost()
ALTER FUNCTION f_cost() OWNER TO postgres;
-- owner: schema spare
ALTER SCHEMA spare OWNER TO pg_read_all_data;
-- owner: type public.mood
ALTER TYPE mood OWNER TO pg_monitor;
-- comment: table public.keys_a
COMMENT ON TABLE keys_a IS 'locks';
-- comment: table column public.keys_a.b
COMMENT ON COLUMN keys_a.b IS NULL;
-- comment: index public.keys_a_plain
COMMENT ON INDEX keys_a_plain IS 'fancy';
-- comment: table constraint refs_f on public.refs
COMMENT ON CONSTRAINT refs_f ON refs IS NULL;
-- comment: function public.f_cost()
COMMENT ON FUNCTION f_cost() IS 'cheap';
-- comment: trigger t_a on public.fired
COMMENT ON TRIGGER t_a ON fired IS NULL;
-- comment: schema spare
COMMENT ON SCHEMA spare IS 'used';
-- comment: view public.v_options
COMMENT ON VIEW v_options IS NULL;
-- comment: type public.mood
COMMENT ON TYPE mood IS 'tempers';
-- comment: table public.keys_d
COMMENT ON TABLE keys_d IS 'new';
-- rows: public.rows_a (id) = (7)
DELETE FROM rows_a WHERE id = 7;
-- rows: public.rows_a (id) = (8)
UPDATE rows_a SET a = b, b = a WHERE id = 8;
-- rows: public.rows_a (id) = (9)
UPDATE rows_a SET t = 'Text 9' WHERE id = 9;
-- rows: public.rows_a (id) = (10)
UPDATE rows_a SET n = (n::text || '0')::numeric WHERE id = 10;
-- rows: public.rows_a (id) = (11)
UPDATE rows_a SET y = set_byte(y, 3, get_byte(y, 3) # 1) WHERE id = 11;
-- rows: public.rows_a (id) = (12)
UPDATE rows_a SET f = 4.000000000000001 WHERE id = 12;
-- rows: public.rows_a (id) = (13)
UPDATE rows_a SET j = '{"a": 2}' WHERE id = 13;
-- rows: public.rows_a (id) = (14)
UPDATE rows_a SET at = at + interval '1 microsecond' WHERE id = 14;
-- rows: public.rows_a (id) = (15)
UPDATE rows_a SET t = NULL WHERE id = 15;
-- rows: public.rows_a (id) = (16)
UPDATE rows_a SET t = '' WHERE id = 16;
-- rows: public.rows_a (id) = (3001)
INSERT INTO rows_a (id) VALUES (3001);
-- rows: public.rows_b (id) = (20)
-- rows: public.rows_b (id) = (21)
UPDATE rows_b x SET t = y.t FROM rows_b y WHERE (x.id, y.id) IN ((20, 21), (21, 20));
-- rows: public.rows_b (id) = (1)
-- rows: public.rows_b (id) = (4000)
UPDATE rows_b SET id = 4000 WHERE id = 1;
-- rows: public.rows_c (id) = (30)
-- rows: public.rows_c (id) = (31)
UPDATE rows_c SET f = '-0' WHERE id = 30; UPDATE rows_c SET f = 'NaN' WHERE id = 31;
-- rows: public.rows_e (id) = (1)
UPDATE rows_e SET i = '1 day' WHERE id = 1;
-- rows: public.rows_e (id) = (2)
UPDATE rows_e SET b = NULL WHERE id = 2;
-- rows: public.rows_e (id) = (3)
UPDATE rows_e SET u = gen_random_uuid() WHERE id = 3;
-- rows: public.rows_e (id) = (4)
UPDATE rows_e SET m = '12:00:00.000001' WHERE id = 4;
-- rows: public.rows_e (id) = (5)
UPDATE rows_e SET d = '2024-03-01' WHERE id = 5;
-- rows: public.rows_e (id) = (6)
UPDATE rows_e SET s = -7 WHERE id = 6;
-- rows: public.rows_e (id) = (7)
UPDATE rows_e SET c = 'abd' WHERE id = 7;
-- rows: public.rows_e (id) = (8)
UPDATE rows_e SET l = '[0:1]={1,2}' WHERE id = 8;
-- rows: public.rows_e (id) = (9)
UPDATE rows_e SET e = 'sad' WHERE id = 9;
-- rows: public.rows_e (id) = (10)
UPDATE rows_e SET v = 'v ' WHERE id = 10;
-- rows: public.rows_e (id) = (11)
UPDATE rows_e SET k = -5 WHERE id = 11;
-- rows: public.rows_e (id) = (12)
UPDATE rows_e SET r = '[1,6)' WHERE id = 12;
-- rows: public.rows_e (id) = (13)
UPDATE rows_e SET z = '13:00+01' WHERE id = 13;
-- rows: public.rows_e (id) = (14)
UPDATE rows_e SET h = '{"n": 1.00}' WHERE id = 14;
-- rows: public.rows_d
TRUNCATE rows_d;
-- rows: public.bag
DELETE FROM bag WHERE ctid = (SELECT min(ctid) FROM bag WHERE a = 1); INSERT INTO bag VALUES (2, 'x');
-- rows: public.parts_1
DELETE FROM parts_1 WHERE id = 55;
-- large object: 4711
SELECT lo_put(4711, 2, 'L');
-- large object: 4712
SELECT lo_unlink(4712);
-- statistics: public.keys_c
DELETE FROM pg_statistic WHERE starelid = 'keys_c'::regclass;
