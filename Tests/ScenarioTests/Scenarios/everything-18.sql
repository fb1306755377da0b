-- What PostgreSQL 16 to 18 brought.
CREATE TABLE app.virtual (id integer PRIMARY KEY, twice integer GENERATED ALWAYS AS (id * 2) VIRTUAL, CONSTRAINT named NOT NULL id);
INSERT INTO app.virtual SELECT generate_series(1, 10);
CREATE TABLE app.lenient (id integer PRIMARY KEY, v integer REFERENCES app.virtual NOT ENFORCED, CHECK (v > 0) NOT ENFORCED);
INSERT INTO app.lenient VALUES (1, -5);
CREATE TABLE app.late_null (id integer PRIMARY KEY, v integer);
INSERT INTO app.late_null VALUES (1, NULL);
ALTER TABLE app.late_null ADD CONSTRAINT v_there NOT NULL v NOT VALID;
GRANT MAINTAIN ON app.virtual TO app_writer;
