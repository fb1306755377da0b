-- Objects that belong to a server, not to a database.
CREATE ROLE app_owner;
CREATE ROLE app_reader;
CREATE ROLE app_writer;
CREATE ROLE "Boss ""quoted""";
-- Its bytes are also valid in EUC_JP: otherwise pg_dump would fail for databases in that encoding.
CREATE ROLE "Chef grün";
CREATE ROLE seller LOGIN;
CREATE ROLE mover LOGIN;
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE scenario_space LOCATION '';
GRANT CREATE ON TABLESPACE scenario_space TO PUBLIC;
