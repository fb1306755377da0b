-- Objects that PostgreSQL 14 introduced.
CREATE TABLE app.squeezed (id integer PRIMARY KEY, v text COMPRESSION pglz);
CREATE STATISTICS app.by_expression ON (id % 10), (length(v)) FROM app.squeezed;
CREATE FUNCTION app.standard(n integer) RETURNS bigint LANGUAGE sql STABLE
    BEGIN ATOMIC SELECT count(*) FROM app.customers WHERE id > n; END;
-- Its body needs a primary key
CREATE FUNCTION app.by_key() RETURNS SETOF text LANGUAGE sql STABLE
    BEGIN ATOMIC SELECT email::text FROM app.customers GROUP BY id; END;
CREATE PROCEDURE app.out_only(OUT n integer) LANGUAGE sql BEGIN ATOMIC SELECT 1; END;
CREATE TYPE app.days AS RANGE (subtype = date, multirange_type_name = app.many_days);
CREATE TABLE app.open_on (id integer PRIMARY KEY, days app.many_days);
INSERT INTO app.open_on VALUES (1, '{[2024-01-01,2024-02-01)}');
