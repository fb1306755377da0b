-- An editable map of the world, as a mapping community keeps it: points, ways and relations with their whole history,
-- tags in hstore, shapes in PostGIS. The extensions belong to an administrator and are in schema ext.
CREATE TYPE nwr_enum AS ENUM ('Node', 'Way', 'Relation');
CREATE TYPE markup AS ENUM ('html', 'markdown', 'text');
COMMENT ON TYPE nwr_enum IS 'what may be a member of a relation';

CREATE FUNCTION tile_of(latitude integer, longitude integer) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT AS $body$
DECLARE
    x bigint := round((longitude::numeric / 10000000 + 180) * 65535 / 360);
    y bigint := round((latitude::numeric / 10000000 + 90) * 65535 / 180);
    tile bigint := 0;
BEGIN
    FOR i IN REVERSE 15..0 LOOP
        tile := (tile << 2) | (((x >> i) & 1) << 1) | ((y >> i) & 1);
    END LOOP;
    RETURN tile;
END
$body$;
CREATE FUNCTION is_closed(nodes bigint[]) RETURNS boolean LANGUAGE sql IMMUTABLE AS
    $$ SELECT cardinality(nodes) > 3 AND nodes[1] = nodes[cardinality(nodes)] $$;

CREATE TABLE mappers (
    id bigserial PRIMARY KEY, name varchar NOT NULL, email varchar NOT NULL, opened_at timestamp NOT NULL,
    home ext.geography(Point, 4326), writes markup NOT NULL DEFAULT 'text'
);
CREATE TABLE edits (
    id bigserial PRIMARY KEY, mapper_id bigint NOT NULL, opened_at timestamp NOT NULL, closed_at timestamp,
    south integer, north integer, changes integer NOT NULL DEFAULT 0
);
CREATE TABLE edit_tags (edit_id bigint, k varchar DEFAULT '', v varchar NOT NULL DEFAULT '');
CREATE TABLE live_nodes (
    id bigserial PRIMARY KEY,
    latitude integer NOT NULL,
    longitude integer NOT NULL,
    edit_id bigint NOT NULL,
    visible boolean NOT NULL,
    version bigint NOT NULL,
    geom ext.geometry(Point, 4326) NOT NULL,
    tags ext.hstore,
    geohash text GENERATED ALWAYS AS (ext.st_geohash(geom, 9)) STORED,
    mercator ext.geometry(Point, 3857) GENERATED ALWAYS AS (ext.st_transform(geom, 3857)) STORED,
    CONSTRAINT is_wgs84 CHECK (ext.st_srid(geom) = 4326),
    CONSTRAINT is_on_the_globe CHECK (ext.st_x(geom) BETWEEN -180 AND 180 AND ext.st_y(geom) BETWEEN -90 AND 90)
) WITH (fillfactor = 90);
-- Every version of every element.
CREATE TABLE node_versions (
    node_id bigint, latitude integer NOT NULL, longitude integer NOT NULL, edit_id bigint NOT NULL,
    visible boolean NOT NULL, written timestamp, tile bigint NOT NULL, version bigint, hidden_by integer
);
CREATE TABLE node_tags (node_id bigint, version bigint, k varchar DEFAULT '', v varchar NOT NULL DEFAULT '');
CREATE TABLE ways (
    id bigint NOT NULL,
    version bigint NOT NULL,
    visible boolean NOT NULL DEFAULT true,
    nodes bigint[] NOT NULL,
    tags ext.hstore NOT NULL DEFAULT '',
    line ext.geometry(LineString, 4326),
    length_m double precision GENERATED ALWAYS AS (ext.st_length(line::ext.geography, true)) STORED,
    CONSTRAINT has_two_nodes CHECK (cardinality(nodes) >= 2)
);
CREATE TABLE relations (id bigint PRIMARY KEY, version integer NOT NULL, tags ext.hstore, shape ext.geometry);
CREATE TABLE relation_members (
    relation_id bigint REFERENCES relations, sequence_id integer DEFAULT 0, member_type nwr_enum NOT NULL,
    member_id bigint NOT NULL, role varchar NOT NULL, PRIMARY KEY (relation_id, sequence_id)
);
CREATE TABLE buildings (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    outline ext.geometry(MultiPolygon, 3857) NOT NULL,
    height ext.geometry(PointZ, 3857),
    area_m2 double precision GENERATED ALWAYS AS (ext.st_area(outline)) STORED,
    middle ext.geometry(Point, 3857) GENERATED ALWAYS AS (ext.st_centroid(outline)) STORED,
    tags ext.hstore,
    CONSTRAINT is_valid CHECK (ext.st_isvalid(outline))
);
CREATE TABLE road_closures (
    way_id bigint NOT NULL, during tstzrange NOT NULL, reason text,
    CONSTRAINT one_closure_at_a_time EXCLUDE USING gist (way_id WITH =, during WITH &&)
);
CREATE TABLE map_sheets (
    zoom smallint, extent ext.geometry(Polygon, 4326), box ext.box2d, PRIMARY KEY (zoom, extent),
    EXCLUDE USING gist (zoom WITH =, extent WITH OPERATOR(ext.&&))
);

-- A way's line follows its nodes.
CREATE FUNCTION draw_way() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    NEW.line := (
        SELECT ext.st_makeline(n.geom ORDER BY u.place)
        FROM unnest(NEW.nodes) WITH ORDINALITY u (id, place) JOIN public.live_nodes n ON n.id = u.id
    );
    RETURN NEW;
END
$body$;
CREATE TRIGGER draw_way BEFORE INSERT OR UPDATE OF nodes ON ways FOR EACH ROW EXECUTE FUNCTION draw_way();

INSERT INTO mappers (name, email, opened_at, home)
    SELECT 'mapper ' || n, 'm' || n || '@example.org', timestamp '2010-01-01' + n * interval '1 day',
        CASE WHEN n % 3 > 0 THEN ext.st_setsrid(ext.st_makepoint(n, n / 2.0), 4326)::ext.geography END
    FROM generate_series(1, 60) n;
INSERT INTO edits (mapper_id, opened_at, closed_at, south, north)
    SELECT 1 + n % 60, timestamp '2015-01-01' + n * interval '1 hour', 'infinity', 0, n FROM generate_series(1, 150) n;
INSERT INTO edit_tags SELECT n, k, k || n FROM generate_series(1, 150) n, unnest('{comment,locale}'::text[]) k;
INSERT INTO live_nodes (latitude, longitude, edit_id, visible, version, geom, tags)
    SELECT lat * 1e7, lon * 1e7, 1 + n % 150, true, 1 + n % 3, ext.st_setsrid(ext.st_makepoint(lon, lat), 4326),
        CASE n % 4 WHEN 1 THEN ext.hstore('note', NULL) WHEN 2 THEN ''::ext.hstore
            WHEN 0 THEN ext.hstore(ARRAY['amenity', 'name'], ARRAY['cafe', 'Café "' || n || E'" \\ \'it\'']) END
    FROM (SELECT n, 46 + n % 29 / 9.0 AS lat, 7 + n % 31 / 7.0 AS lon FROM generate_series(1, 700) n) p;
INSERT INTO node_versions
    SELECT c.id, c.latitude + v, c.longitude - v, c.edit_id, v < 3, timestamp '2015-01-01' + v * interval '1 day',
        tile_of((c.latitude + v)::integer, (c.longitude - v)::integer), v
    FROM live_nodes c, generate_series(1, c.version) v;
INSERT INTO node_tags SELECT node_id, version, 'highway', 'k=' || version FROM node_versions WHERE node_id % 3 = 0;
INSERT INTO ways (id, version, nodes, tags)
    SELECT n, 1, ARRAY[n * 3, n * 3 + 1, n * 3 + 2] || CASE WHEN n % 5 = 0 THEN ARRAY[n * 3] END,
        ext.hstore(ARRAY['highway', 'residential', 'name', 'Road ' || n])
    FROM generate_series(1::bigint, 200) n;
-- Deleted elements stay in the history, with a node that no longer exists.
INSERT INTO ways (id, version, visible, nodes) SELECT n, 2, false, ARRAY[n, -1] FROM generate_series(1::bigint, 20) n;
INSERT INTO relations
    SELECT n, 1, ext.hstore('type', 'route'), CASE n % 5
        WHEN 0 THEN ext.st_geomfromtext('GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))', 4326)
        WHEN 1 THEN ext.st_geomfromtext('POLYGON EMPTY', 4326)
        WHEN 2 THEN ext.st_geomfromtext('POINT ZM (1 2 3 4)')
        WHEN 3 THEN ext.st_geomfromtext('CIRCULARSTRING(0 0, 1 1, 2 0)', 3857)
    END
    FROM generate_series(1, 80) n;
INSERT INTO relation_members
    SELECT n, s, (enum_range(NULL::nwr_enum))[1 + s % 3], n + s, CASE s WHEN 1 THEN 'outer' ELSE '' END
    FROM generate_series(1, 80) n, generate_series(1, 4) s;
INSERT INTO buildings (outline, height, tags)
    SELECT ext.st_multi(ext.st_makeenvelope(n * 20, n, n * 20 + 10 + n % 7, n + 12.5, 3857)),
        ext.st_setsrid(ext.st_makepoint(n * 20, n, n % 40), 3857), ext.hstore('levels', (n % 9)::text)
    FROM generate_series(1, 300) n;
INSERT INTO road_closures
    SELECT n, tstzrange(timestamptz '2024-01-01 00:00Z' + m * interval '1 month', CASE WHEN m < 3 THEN
        timestamptz '2024-01-20 00:00Z' + m * interval '1 month' END), nullif('r' || m, 'r2')
    FROM generate_series(1, 60) n, generate_series(0, 3) m;
INSERT INTO map_sheets
    SELECT z, cell, ext.box2d(cell) FROM generate_series(4, 6) z, generate_series(0, 9) x,
        ext.st_makeenvelope(x * 2, z, x * 2 + 1, z + 1, 4326) cell;

ALTER TABLE edit_tags ADD PRIMARY KEY (edit_id, k), ADD FOREIGN KEY (edit_id) REFERENCES edits;
ALTER TABLE edits ADD CONSTRAINT edit_of_mapper FOREIGN KEY (mapper_id) REFERENCES mappers;
ALTER TABLE live_nodes ADD CONSTRAINT node_of_edit FOREIGN KEY (edit_id) REFERENCES edits;
ALTER TABLE node_versions ADD CONSTRAINT node_versions_key PRIMARY KEY (node_id, version);
ALTER TABLE node_tags ADD PRIMARY KEY (node_id, version, k),
    ADD CONSTRAINT tags_of_version FOREIGN KEY (node_id, version) REFERENCES node_versions;
ALTER TABLE ways ADD PRIMARY KEY (id, version);
CREATE UNIQUE INDEX mappers_email ON mappers (lower(email));
CREATE INDEX mappers_home ON mappers USING gist (home);
CREATE INDEX live_nodes_geom ON live_nodes USING gist (geom);
CREATE INDEX live_nodes_cafes ON live_nodes USING gist (geom) WHERE tags -> 'amenity' = 'cafe';
CREATE INDEX live_nodes_named ON live_nodes ((tags -> 'name')) WHERE tags ? 'name';
CREATE INDEX live_nodes_tags ON live_nodes USING gin (tags);
CREATE INDEX live_nodes_geohash ON live_nodes (geohash COLLATE "C" text_pattern_ops);
CREATE INDEX live_nodes_tile ON live_nodes (tile_of(latitude, longitude));
CREATE INDEX node_versions_tile ON node_versions USING brin (tile);
CREATE INDEX node_versions_hidden ON node_versions (hidden_by) WHERE hidden_by IS NOT NULL;
CREATE INDEX ways_nodes ON ways USING gin (nodes);
CREATE INDEX ways_line ON ways USING gist (line) WHERE visible;
CREATE INDEX ways_mercator ON ways USING gist (ext.st_transform(line, 3857)) WITH (fillfactor = 80);
CREATE INDEX ways_closed ON ways (id) WHERE is_closed(nodes);
CREATE INDEX relations_shape ON relations USING gist (shape ext.gist_geometry_ops_nd);
CREATE INDEX relation_members_member ON relation_members (member_type, member_id);
CREATE INDEX buildings_outline ON buildings USING spgist (outline);

CREATE VIEW roads AS
    SELECT id, tags -> 'name' AS name, round(ext.st_length(line::ext.geography)::numeric, 1) AS metres, line
    FROM ways WHERE visible AND tags ? 'highway' AND line && ext.st_makeenvelope(6, 45, 12, 50, 4326);
CREATE MATERIALIZED VIEW built_up AS
    SELECT (id % 10)::integer AS district, count(*) AS buildings, sum(ext.st_area(outline)) AS area_m2,
        max(ext.st_length(ext.st_exteriorring(ext.st_geometryn(outline, 1)))) AS longest_wall,
        ext.st_collect(ext.st_geometryn(outline, 1) ORDER BY id)::ext.geometry(MultiPolygon, 3857) AS shape
    FROM buildings GROUP BY 1;
CREATE UNIQUE INDEX built_up_district ON built_up (district);
CREATE INDEX built_up_shape ON built_up USING gist (shape);
COMMENT ON COLUMN live_nodes.latitude IS 'in units of 1e-7 degrees';
COMMENT ON MATERIALIZED VIEW built_up IS 'made anew every night';
UPDATE live_nodes SET visible = false, version = version + 1 WHERE id % 100 = 0;
DELETE FROM road_closures WHERE way_id % 20 = 0;
