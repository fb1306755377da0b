-- Extensions that an ordinary role may create, and tables whose keys have their types.
CREATE SCHEMA extensions;
CREATE EXTENSION citext WITH SCHEMA extensions;
CREATE EXTENSION btree_gist WITH SCHEMA extensions;
CREATE EXTENSION pg_trgm WITH SCHEMA extensions;
CREATE EXTENSION hstore WITH SCHEMA extensions;
COMMENT ON SCHEMA extensions IS 'theirs';
CREATE TABLE public.people (name extensions.citext PRIMARY KEY, attributes extensions.hstore);
INSERT INTO public.people SELECT 'Person ' || n, extensions.hstore('n', n::text) FROM generate_series(1, 400) n;
CREATE INDEX people_like ON public.people USING gin ((name::text) extensions.gin_trgm_ops);
CREATE TABLE public.rooms (room integer, during tsrange, EXCLUDE USING gist (room WITH =, during WITH &&));
INSERT INTO public.rooms SELECT n, '[2024-01-01,2024-02-01)' FROM generate_series(1, 100) n;
ANALYZE public.people, public.rooms;
