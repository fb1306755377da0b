import TestSupport

/// A database in which every name is a keyword for some server.
struct Keywords {
    /// Words that became keywords, or changed their category, after PostgreSQL 12.
    ///
    /// If the two servers have different major versions, at least one of them quotes at least one of these words.
    private static let known = [
        "json", "json_array", "json_object", "json_table", "json_value", "merge_action", "normalize", "path", "period",
        "system_user", "virtual",
    ]

    let words: [String]

    /// - Parameter pair: The servers whose keywords are compared.
    /// - Throws: ``PostgresError``.
    init(of pair: DatabasePair) async throws {
        let query = "SELECT word || ' ' || catcode::text FROM pg_get_keywords()"
        let (ours, theirs) = (Set(try await pair.source.column(query)), Set(try await pair.target.column(query)))
        let differing = ours.symmetricDifference(theirs).compactMap { $0.split(separator: " ").first.map(String.init) }
        words = Set(differing + Self.known).sorted()
    }

    /// Creates roles with these names, which belong to the servers.
    func makeRoles(_ pair: DatabasePair) async throws {
        for word in words { try await pair.createRole("\"\(word)\"") }
    }

    private static let beginning = """
        CREATE SCHEMA tables; CREATE SCHEMA referenced; CREATE SCHEMA parts; CREATE SCHEMA views; CREATE SCHEMA stats;
        CREATE SCHEMA sequences;
        CREATE FUNCTION public.noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';

        """

    /// SQL that creates the database's objects.
    var script: String { Self.beginning + words.map(Self.objects).joined(separator: "\n") + "\nANALYZE;" }

    private static func objects(_ word: String) -> String {
        let name = "\"\(word)\""
        return [types(name), tables(name, word), others(name, word)].joined(separator: "\n")
    }

    private static func types(_ name: String) -> String {
        """
        CREATE SCHEMA \(name) AUTHORIZATION \(name);
        CREATE TYPE \(name).\(name) AS ENUM ('low', 'high');
        CREATE TYPE \(name).pair AS (\(name) integer, e \(name).\(name));
        CREATE DOMAIN \(name).dom AS integer DEFAULT 1 CONSTRAINT \(name) CHECK (VALUE > 0);
        CREATE FUNCTION \(name).\(name)(\(name) integer DEFAULT 1, e \(name).\(name) DEFAULT 'high') RETURNS integer
            LANGUAGE sql IMMUTABLE AS 'SELECT 1';
        CREATE PROCEDURE \(name).proc(\(name) json) LANGUAGE sql AS 'SELECT 1';
        CREATE FUNCTION \(name).of_enum(\(name).\(name)) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
        CREATE FUNCTION \(name).less(a \(name).\(name), b \(name).\(name)) RETURNS boolean LANGUAGE sql IMMUTABLE
            AS 'SELECT true';
        CREATE CAST (\(name).\(name) AS integer) WITH FUNCTION \(name).of_enum(\(name).\(name));
        CREATE OPERATOR \(name).<<< (FUNCTION = \(name).less, LEFTARG = \(name).\(name), RIGHTARG = \(name).\(name));
        CREATE AGGREGATE \(name).agg(\(name) integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');
        CREATE COLLATION \(name).coll FROM "C";
        CREATE TEXT SEARCH DICTIONARY \(name).\(name) (TEMPLATE = pg_catalog.simple);
        CREATE TEXT SEARCH CONFIGURATION \(name).\(name) (COPY = pg_catalog.simple);
        ALTER TEXT SEARCH CONFIGURATION \(name).\(name) ALTER MAPPING FOR word WITH \(name).\(name);
        """
    }

    private static func tables(_ name: String, _ word: String) -> String {
        """
        CREATE SEQUENCE sequences.\(name) OWNED BY NONE;
        CREATE TABLE referenced."t_\(word)" (\(name) integer, CONSTRAINT \(name) PRIMARY KEY (\(name)));
        INSERT INTO referenced."t_\(word)" SELECT generate_series(1, 200);
        CREATE TABLE tables.\(name) (
            id bigserial PRIMARY KEY, \(name) integer NOT NULL DEFAULT \(name).\(name)(1), e \(name).\(name) DEFAULT 'high',
            p \(name).pair, d \(name).dom, j json DEFAULT '{}'::json, v varchar(9) COLLATE \(name).coll,
            n bigint DEFAULT nextval('sequences.\(name)'),
            g integer GENERATED ALWAYS AS (\(name) + 1) STORED,
            CONSTRAINT \(name) CHECK (\(name) > 0 AND v IN ('a', 'b')),
            CONSTRAINT "fk_\(word)" FOREIGN KEY (\(name)) REFERENCES referenced."t_\(word)" (\(name)));
        INSERT INTO tables.\(name) (\(name), v) SELECT n, 'a' FROM generate_series(1, 200) n;
        CREATE UNIQUE INDEX "u_\(word)" ON tables.\(name) (\(name)) INCLUDE (id) WHERE \(name) > 5;
        CREATE INDEX "x_\(word)" ON tables.\(name) ((\(name).\(name)(\(name))), e);
        CREATE TABLE parts.\(name) (\(name) integer, e \(name).\(name), PRIMARY KEY (\(name))) PARTITION BY RANGE (\(name));
        CREATE TABLE parts."1_\(word)" PARTITION OF parts.\(name) FOR VALUES FROM (0) TO (100);
        CREATE TABLE parts."2_\(word)" PARTITION OF parts.\(name) DEFAULT;
        INSERT INTO parts.\(name) SELECT n, 'low' FROM generate_series(1, 200) n;
        """
    }

    private static func others(_ name: String, _ word: String) -> String {
        """
        CREATE VIEW views.\(name) AS SELECT t.\(name), (t.p).\(name) AS x, e::\(name).\(name) AS e FROM tables.\(name) t
            WHERE \(name) > \(name).\(name)(1);
        CREATE MATERIALIZED VIEW views."m_\(word)" AS SELECT \(name), count(*) FROM tables.\(name) GROUP BY \(name);
        CREATE RULE \(name) AS ON DELETE TO tables.\(name) WHERE old.\(name) > 100000 DO INSTEAD NOTHING;
        CREATE TRIGGER \(name) BEFORE UPDATE OF \(name) ON tables.\(name) FOR EACH ROW WHEN (new.\(name) > 7)
            EXECUTE FUNCTION public.noted();
        ALTER TABLE tables.\(name) ENABLE ROW LEVEL SECURITY;
        CREATE POLICY \(name) ON tables.\(name) TO \(name), pg_monitor USING (\(name) > 0) WITH CHECK (\(name) > 1);
        CREATE STATISTICS stats.\(name) ON id, \(name) FROM tables.\(name);
        CREATE PUBLICATION \(name) FOR TABLE tables.\(name), referenced."t_\(word)";
        CREATE FOREIGN DATA WRAPPER \(name); CREATE SERVER \(name) FOREIGN DATA WRAPPER \(name);
        CREATE USER MAPPING FOR \(name) SERVER \(name);
        CREATE FOREIGN TABLE tables."f_\(word)" (\(name) integer, e \(name).\(name)) SERVER \(name);
        GRANT SELECT ON tables.\(name) TO \(name); GRANT UPDATE (\(name)) ON tables.\(name) TO \(name);
        GRANT USAGE ON TYPE \(name).\(name) TO \(name); GRANT USAGE ON SEQUENCE sequences.\(name) TO \(name);
        ALTER DEFAULT PRIVILEGES IN SCHEMA \(name) GRANT SELECT ON TABLES TO \(name);
        COMMENT ON COLUMN tables.\(name).\(name) IS 'a column of \(word)'; COMMENT ON TYPE \(name).\(name) IS 'a type';
        COMMENT ON CONSTRAINT \(name) ON tables.\(name) IS 'a check';
        COMMENT ON FUNCTION \(name).\(name)(integer, \(name).\(name)) IS 'a function';
        ALTER TABLE tables.\(name) CLUSTER ON "x_\(word)";
        """
    }
}
