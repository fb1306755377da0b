-- Objects that PostgreSQL 16 to 18 introduced.
CREATE TABLE app.virtual (id integer PRIMARY KEY, twice integer GENERATED ALWAYS AS (id * 2) VIRTUAL, CONSTRAINT named NOT NULL id);
INSERT INTO app.virtual SELECT generate_series(1, 10);
CREATE TABLE app.lenient (id integer PRIMARY KEY, v integer REFERENCES app.virtual NOT ENFORCED, CHECK (v > 0) NOT ENFORCED);
INSERT INTO app.lenient VALUES (1, -5);
CREATE TABLE app.late_null (id integer PRIMARY KEY, v integer);
INSERT INTO app.late_null VALUES (1, NULL);
ALTER TABLE app.late_null ADD CONSTRAINT v_there NOT NULL v NOT VALID;
GRANT MAINTAIN ON app.virtual TO app_writer;
CREATE TABLE app.temporal (during int4range, at daterange, PRIMARY KEY (during, at WITHOUT OVERLAPS));
INSERT INTO app.temporal VALUES ('[1,5)', '[2024-01-01,2024-02-01)'), ('[1,5)', '[2024-02-01,2024-03-01)');
CREATE TABLE app.temporal_child (during int4range, at daterange, FOREIGN KEY (during, PERIOD at) REFERENCES app.temporal (during, PERIOD at));
INSERT INTO app.temporal_child VALUES ('[1,5)', '[2024-01-10,2024-02-10)');
