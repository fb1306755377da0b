-- The database of a server in a federated chat network: an append-only stream of events, tables without primary keys,
-- constraints that were added later and never validated, sequences that run backwards.
CREATE SEQUENCE events_stream_seq MINVALUE 1 CACHE 20;
CREATE SEQUENCE events_backwards_seq INCREMENT -1 MINVALUE -9223372036854775808 MAXVALUE -1 START -1;
CREATE SEQUENCE room_state_seq AS integer MINVALUE -5 MAXVALUE 1000 CYCLE;
CREATE SEQUENCE never_called_seq START 77;
COMMENT ON SEQUENCE events_backwards_seq IS 'history that arrives late is given numbers below zero';

CREATE TABLE schema_version (
    "Only" character(1) NOT NULL DEFAULT 'X' UNIQUE, version integer NOT NULL, upgraded boolean NOT NULL,
    CONSTRAINT only_one_row CHECK ("Only" = 'X')
);
CREATE TABLE rooms (
    room_id text COLLATE "C" NOT NULL, is_public boolean, creator text, room_version text,
    CONSTRAINT rooms_key PRIMARY KEY (room_id)
);
CREATE TABLE events (
    stream_ordering bigint NOT NULL,
    layer bigint NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    type text NOT NULL,
    room_id text COLLATE "C" NOT NULL,
    state_key text,
    sender text,
    depth bigint NOT NULL DEFAULT 0,
    is_apart boolean NOT NULL,
    received bigint,
    rejected_for text
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_analyze_threshold = 500, fillfactor = 95);
CREATE TABLE event_bodies (
    event_id text COLLATE "C" NOT NULL, remarks text NOT NULL, json text NOT NULL, format_version integer
) WITH (toast_tuple_target = 512, toast.autovacuum_enabled = false);
CREATE TABLE event_parents (event_id text COLLATE "C" NOT NULL, parent_id text NOT NULL, is_state boolean);
CREATE TABLE search_words (
    event_id text COLLATE "C", sender text, body text, vector tsvector, stream_ordering bigint
);
CREATE TABLE room_state (
    generation bigint NOT NULL, type text NOT NULL, state_key text NOT NULL, event_id text NOT NULL
);
CREATE TABLE receipts (
    stream_id bigint NOT NULL, room_id text COLLATE "C" NOT NULL, receipt_type text NOT NULL, user_id text NOT NULL,
    event_id text NOT NULL, thread_id text, data jsonb NOT NULL
);
CREATE TABLE devices (
    user_id text NOT NULL, device_id text NOT NULL, display_name text, last_seen bigint, hidden boolean DEFAULT false
);
CREATE TABLE waiting_messages (user_id text NOT NULL, device_id text NOT NULL, stream_id bigint NOT NULL, message json)
    WITH (autovacuum_enabled = false);
CREATE TABLE signing_keys (
    server_name text, key_id text, from_server text, valid_until bigint, key_json bytea, verify_key bytea NOT NULL
);
CREATE TABLE media (
    media_id text COLLATE "C", media_length integer, upload_name text, url_cache text, preview bytea, origin text
);
CREATE TABLE addresses_seen (user_id text NOT NULL, token text NOT NULL, ip text, agent text, last_seen bigint);
CREATE TABLE chores (chore text NOT NULL, progress json NOT NULL, depends_on text);

CREATE TRIGGER keep_vector BEFORE INSERT OR UPDATE OF body ON search_words
    FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger('vector', 'pg_catalog.english', 'body');
CREATE FUNCTION need_sender() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF NEW.sender = '' THEN
        RAISE EXCEPTION USING MESSAGE = format('event %s has no sender', NEW.event_id), ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$body$;
CREATE TRIGGER need_sender BEFORE INSERT OR UPDATE ON events
    FOR EACH ROW EXECUTE FUNCTION need_sender();

INSERT INTO schema_version VALUES ('X', 92, true);
INSERT INTO rooms
    SELECT '!room' || n || ':example.org', n % 4 = 0, '@u' || n % 30 || ':example.org', nullif((n % 11)::text, '0')
    FROM generate_series(1, 60) n;
INSERT INTO events
    SELECT nextval(CASE WHEN n % 10 = 0 THEN 'events_backwards_seq' ELSE 'events_stream_seq' END::regclass), n / 60,
        '$' || translate(encode(sha256(n::text::bytea), 'base64'), '+/=', '-_') || repeat(':example.org', n % 2),
        CASE WHEN n % 7 = 0 THEN 'room.member' ELSE 'room.message' END, '!room' || 1 + n % 60 || ':example.org',
        CASE n % 14 WHEN 0 THEN '' WHEN 7 THEN '@u' || n % 30 || ':example.org' END, '@u' || n % 30 || ':example.org',
        n / 60, n % 13 = 0, 1700000000000 + n, CASE WHEN n % 97 = 0 THEN 'auth_error' END
    FROM generate_series(1, 2400) n;
INSERT INTO event_bodies
    SELECT event_id, '{}', json_build_object('type', type, 'content', CASE abs(stream_ordering) % 6
        WHEN 0 THEN E'two\nlines\r\nand a\ttab'
        WHEN 1 THEN E'back\\slash \\N \\. \\x41'
        WHEN 2 THEN '"quoted" ''twice'''
        WHEN 3 THEN U&'\00e4\0308 \05e9\05dc\05d5\05dd \+01F600 \200d\2028'
        WHEN 4 THEN '' ELSE '$1 ${x} %s' END)::text, 4
    FROM events;
-- A few large events; some can be compressed and some cannot.
UPDATE event_bodies SET json = (SELECT string_agg(md5(n || event_id), '') FROM generate_series(1, 400) n)
    WHERE event_id IN (SELECT event_id FROM events WHERE stream_ordering % 250 = 0);
UPDATE event_bodies SET json = json || repeat(E'\u00e9\u20ac"\\', 60000)
    WHERE event_id IN (SELECT event_id FROM events WHERE stream_ordering = 7);
INSERT INTO event_parents
    SELECT e.event_id, p.event_id, CASE WHEN e.depth % 5 > 0 THEN false END FROM events e
    JOIN events p ON p.room_id = e.room_id AND p.layer = e.layer - 1;
INSERT INTO event_parents SELECT event_id, '$never:seen.example', true FROM events WHERE stream_ordering % 100 = 1;
INSERT INTO search_words (event_id, sender, body, stream_ordering)
    SELECT event_id, sender, 'Running late for meeting number ' || stream_ordering, stream_ordering
    FROM events WHERE type = 'room.message' AND stream_ordering > 0;
INSERT INTO room_state
    SELECT nextval('room_state_seq'), type, state_key, event_id FROM events WHERE state_key IS NOT NULL;
INSERT INTO receipts
    SELECT n, '!room' || 1 + n % 60 || ':example.org', 'read', '@u' || n / 60 || ':example.org', '$e' || n,
        CASE n % 3 WHEN 1 THEN 'main' WHEN 2 THEN '$t' || n % 4 END,
        jsonb_build_object('ts', n / 7.0, 'x', NULL, 'nested', '[1, {"a": "\u00fc"}]'::jsonb)
    FROM generate_series(1, 900) n;
INSERT INTO devices
    SELECT '@u' || n % 30 || ':example.org', 'DEV' || n,
        (ARRAY['', '  ', E'\u200f\u05d3\u05d5\u05d3', 'O''Neil', E'a\\b\n\\.\nc', NULL])[1 + n % 6], n, NULL
    FROM generate_series(1, 120) n;
-- The same message may occur twice, and nothing distinguishes the two rows.
INSERT INTO waiting_messages
    SELECT '@u' || n % 30 || ':example.org', 'DEV' || 1 + n % 120, n, json_build_object('n', n % 5)
    FROM generate_series(1, 400) n, generate_series(1, 2);
INSERT INTO signing_keys
    SELECT 's' || n || '.example', 'ed25519:' || n % 3, NULL, 9223372036854775807 - n, convert_to('{"\' || n, 'UTF8'),
        decode((SELECT string_agg(lpad(to_hex((b + n) % 256), 2, '0'), '') FROM generate_series(0, 255) b), 'hex')
    FROM generate_series(1, 90) n;
INSERT INTO media
    SELECT translate(md5(n::text), '0123456789', 'QRSTUVWXYZ'), CASE WHEN n % 5 > 0 THEN n * 1000 ELSE -1 END,
        U&'\6587\4ef6 ' || n || '.png', CASE WHEN n % 3 = 0 THEN 'https://example.org/?a=' || n || '&b=%20' END,
        CASE WHEN n % 4 > 0 THEN decode(repeat(md5(n::text), n), 'hex') ELSE '' END, nullif('h' || n % 2, 'h0')
    FROM generate_series(1, 150) n;
INSERT INTO addresses_seen
    SELECT '@u' || n % 30 || ':example.org', 't' || n % 40, '2001:db8::' || n % 9, nullif('v' || n % 3, 'v2'), n % 9
    FROM generate_series(1, 500) n;
INSERT INTO chores VALUES ('reindex', '{ "a":1,  "a":2 }', NULL), ('purge', '{}', 'reindex');

CREATE UNIQUE INDEX events_event_id ON events (event_id);
CREATE UNIQUE INDEX events_stream ON events (stream_ordering) INCLUDE (room_id);
CREATE INDEX events_order_room ON events (room_id, layer DESC, stream_ordering DESC);
CREATE INDEX events_accepted ON events (type COLLATE "C") WHERE NOT is_apart AND rejected_for IS NULL;
CREATE UNIQUE INDEX event_bodies_event_id ON event_bodies (event_id);
CREATE UNIQUE INDEX event_parents_both ON event_parents (event_id, parent_id);
CREATE INDEX event_parents_parent ON event_parents USING hash (parent_id);
CREATE INDEX search_words_vector ON search_words USING gin (vector) WITH (gin_pending_list_limit = 128);
CREATE UNIQUE INDEX search_words_event_id ON search_words (event_id);
CREATE INDEX room_state_type ON room_state (generation, type, state_key);
-- NULLs differ from one another: neither of the first two indexes is a key on its own.
CREATE UNIQUE INDEX receipts_thread ON receipts (room_id, receipt_type, user_id, thread_id);
CREATE UNIQUE INDEX receipts_no_thread ON receipts (room_id, receipt_type, user_id) WHERE thread_id IS NULL;
CREATE UNIQUE INDEX receipts_either ON receipts (stream_id, coalesce(thread_id, ''));
CREATE INDEX receipts_data ON receipts USING gin (data);
CREATE UNIQUE INDEX devices_both ON devices (user_id, device_id);
CREATE UNIQUE INDEX devices_seen ON devices (last_seen) WHERE NOT hidden;
CREATE INDEX waiting_messages_stream ON waiting_messages (stream_id, user_id);
CREATE UNIQUE INDEX signing_keys_all ON signing_keys (server_name, key_id, from_server);
CREATE UNIQUE INDEX media_id ON media (media_id, origin);
CREATE UNIQUE INDEX chores_name ON chores (chore);

ALTER TABLE events REPLICA IDENTITY USING INDEX events_event_id;
ALTER TABLE event_parents REPLICA IDENTITY USING INDEX event_parents_both;
ALTER TABLE waiting_messages REPLICA IDENTITY FULL;
ALTER TABLE addresses_seen REPLICA IDENTITY NOTHING;
ALTER TABLE events ADD CONSTRAINT has_state_key CHECK (type <> 'room.member' OR state_key IS NOT NULL) NOT VALID;
ALTER TABLE media ADD CONSTRAINT has_length CHECK (media_length >= 0) NOT VALID;
ALTER TABLE event_bodies ADD CONSTRAINT body_of_event FOREIGN KEY (event_id) REFERENCES events (event_id)
    ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE event_parents ADD CONSTRAINT parent_is_event FOREIGN KEY (parent_id) REFERENCES events (event_id)
    ON DELETE CASCADE NOT VALID;
ALTER TABLE events ADD CONSTRAINT room_of_event FOREIGN KEY (room_id) REFERENCES rooms ON DELETE CASCADE NOT VALID;
ALTER TABLE search_words ADD CONSTRAINT search_of_event FOREIGN KEY (event_id) REFERENCES event_bodies (event_id)
    ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE events ALTER COLUMN room_id SET STATISTICS 1000, ALTER COLUMN sender SET (n_distinct = -0.02);
ALTER TABLE event_bodies ALTER COLUMN json SET STORAGE EXTERNAL, ALTER COLUMN remarks SET STORAGE MAIN;
ALTER TABLE media ALTER COLUMN preview SET STORAGE PLAIN, ALTER COLUMN url_cache SET STATISTICS 0;
CREATE STATISTICS events_of_rooms (dependencies, ndistinct) ON room_id, type, sender FROM events;
CREATE STATISTICS state_values (mcv) ON type, state_key FROM room_state;
ALTER STATISTICS state_values SET STATISTICS 500;
COMMENT ON STATISTICS events_of_rooms IS 'senders keep to their rooms';
CREATE VIEW latest_messages AS
    SELECT DISTINCT ON (e.room_id) e.room_id, e.event_id, j.json FROM events e JOIN event_bodies j USING (event_id)
    WHERE e.type = 'room.message' ORDER BY e.room_id, e.stream_ordering DESC;
DELETE FROM events WHERE stream_ordering BETWEEN 100 AND 104;
UPDATE search_words SET body = body || ', again' WHERE stream_ordering % 50 = 0;
