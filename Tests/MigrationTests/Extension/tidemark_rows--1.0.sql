-- Two tables that refer to each other, with rows of the extension and rows of the user, and a sequence.
CREATE TABLE config (id int PRIMARY KEY, v text, is_builtin boolean NOT NULL DEFAULT false);
INSERT INTO config VALUES (1, 'made by the extension', true), (2, 'this as well', true);
CREATE TABLE parts (id int PRIMARY KEY, config_id int NOT NULL REFERENCES config, v text);
CREATE SEQUENCE counter;
CREATE TABLE scratch (id int);
SELECT pg_catalog.pg_extension_config_dump('parts', '');
SELECT pg_catalog.pg_extension_config_dump('config', 'WHERE NOT is_builtin');
SELECT pg_catalog.pg_extension_config_dump('counter', '');
-- The same way as postgis_topology.
SELECT pg_catalog.set_config('search_path', 'rows_of_extension, public', false);
