-- What belongs to a server, not to a database.
CREATE ROLE app_owner;
CREATE ROLE app_reader;
CREATE ROLE app_writer;
CREATE ROLE "Boss ""quoted""";
CREATE ROLE "Chef größe";
CREATE ROLE seller LOGIN;
CREATE ROLE mover LOGIN;
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE scenario_space LOCATION '';
GRANT CREATE ON TABLESPACE scenario_space TO PUBLIC;
