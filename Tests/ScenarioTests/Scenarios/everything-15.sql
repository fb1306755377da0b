-- Objects that PostgreSQL 15 introduced.
CREATE TABLE app.nullable (a integer, b integer, CONSTRAINT one_null UNIQUE NULLS NOT DISTINCT (a));
CREATE UNIQUE INDEX nullable_b ON app.nullable (b) NULLS NOT DISTINCT;
INSERT INTO app.nullable VALUES (NULL, NULL), (1, 1);
CREATE VIEW app.as_invoker WITH (security_invoker) AS SELECT * FROM app.nullable;
CREATE TABLE app.child (id integer PRIMARY KEY, tenant integer NOT NULL, a integer, FOREIGN KEY (a) REFERENCES app.nullable (a) ON DELETE SET NULL (a));
CREATE TABLE app.finer (v numeric(3, -2), w numeric(3, 5));
CREATE PUBLICATION filtered FOR TABLE app.nullable (a) WHERE (a > 5);
CREATE PUBLICATION by_schema FOR TABLE app.child WHERE (id > 5), TABLES IN SCHEMA internals;
