/// Tables with a column of every possible type: all types of the server, and some created for the test.
package enum EveryType {
    /// Returns SQL that creates the tables.
    ///
    /// Each type `t` has a table `of_…` with a column of the type (`v`), of a domain over it (`d`), of its array (`a`)
    /// and generated from it (`g`). If an index can store the type, there is also a table `key_…` with a key of it.
    ///
    /// The values are those in a list that the type accepts; if it accepts none, they are NULL.
    ///
    /// - Parameter pair: The databases for the tables; types of extensions are included if both servers have them.
    /// - Returns: The SQL.
    /// - Throws: Errors of the queries.
    package static func script(for pair: DatabasePair) async throws -> String {
        let available = "SELECT name FROM pg_available_extensions WHERE name IN ('citext', 'hstore')"
        let ours = try await pair.source.column(available)
        let theirs = try await pair.target.column(available)
        let extensions = Set(ours).intersection(theirs).sorted().map { "CREATE EXTENSION \($0);\n" }.joined()
        // An older pg_type does not name the function that newer servers want for elements, and has no arrays of catalogs' rows.
        let majors = (try await pair.source.majorVersion(), try await pair.target.majorVersion())
        var script = script
        // Some builds of a server have the type, but no function for it.
        for side in [pair.source, pair.target] where (try? await side.value("SELECT xml '<a/>'")) == nil {
            script.replace("WHERE t.typisdefined", with: "WHERE t.typname <> 'xml' AND t.typisdefined")
        }
        guard majors.0 < 14, majors.1 >= 14 else { return extensions + script }
        let newer = [
            "ELEMENT = int4, CATEGORY = ''A'', ", ", SUBSCRIPT = raw_array_subscript_handler",
            ", 'pg_aggregate', 'pg_index', 'pg_authid'",
        ]
        return extensions + newer.reduce(script) { $0.replacing($1, with: "") }
    }

    private static let script = """
        CREATE TYPE mood AS ENUM ('1', 'a'); CREATE TYPE "float range" AS RANGE (SUBTYPE = float8);
        CREATE TYPE pair AS (n int, gone int, r regclass, t text, v int2vector);
        ALTER TYPE pair DROP ATTRIBUTE gone;
        CREATE DOMAIN list AS int[]; CREATE DOMAIN lists AS list; CREATE DOMAIN moody AS mood;
        -- Without a send function, and without any operator.
        CREATE TYPE bare;
        CREATE FUNCTION bare_in(cstring) RETURNS bare LANGUAGE internal IMMUTABLE STRICT AS 'textin';
        CREATE FUNCTION bare_out(bare) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
        CREATE TYPE bare (INPUT = bare_in, OUTPUT = bare_out);
        -- An array by its category and its elements, and none by its name, as int2vector is.
        CREATE TYPE bits;
        CREATE FUNCTION bits_in(cstring, oid, int) RETURNS bits LANGUAGE internal IMMUTABLE STRICT AS 'varbit_in';
        CREATE FUNCTION bits_out(bits) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'varbit_out';
        DO $$ BEGIN
            EXECUTE 'CREATE TYPE bits (INPUT = bits_in, OUTPUT = bits_out, ELEMENT = int4, CATEGORY = ''A'', ALIGNMENT = int4'
                    || CASE WHEN current_setting('server_version_num')::int >= 140000
                            THEN ', SUBSCRIPT = raw_array_subscript_handler)' ELSE ')' END;
        END $$;

        DO $$
        DECLARE
            of record; candidate text; taken int;
        BEGIN
            FOR of IN
                SELECT t.typname AS name, t.oid::regtype::text AS type, a.oid::regtype::text AS array
                FROM pg_type t LEFT JOIN pg_type a ON a.oid = t.typarray
                WHERE t.typisdefined AND t.typtype <> 'p' AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
                  AND (t.typtype <> 'c' OR t.typname IN ('pair', 'pg_aggregate', 'pg_index', 'pg_authid'))
                  AND t.typnamespace::regnamespace::text !~ 'pg_toast|information_schema'
                ORDER BY t.oid
            LOOP
                EXECUTE format('CREATE DOMAIN %I AS %s', 'over_' || of.name, of.type);
                EXECUTE format(
                    'CREATE TABLE %1$I (id int PRIMARY KEY, v %2$s, d %3$I, a %4$s, g %2$s GENERATED ALWAYS AS (v) STORED)',
                    'of_' || of.name, of.type, 'over_' || of.name, coalesce(of.array, 'int[]'));
                EXECUTE format('INSERT INTO %I VALUES (0)', 'of_' || of.name);
                taken := 0;
                FOREACH candidate IN ARRAY ARRAY[
                    '1', 'a', '1 2', '3', '(1,2)', '((1,2),(3,4))', '((1,2),(3,4),(5,7))', '<(1,2),3>', '{1,2,3}', '{}', 'true',
                    'f', '2024-02-29', '12:34:56', '12:34:57', '08:00:2b:01:02:04', 'ffffffff-0000-4000-8000-00000000000b', '10.0.0.1', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05',
                    'ffffffff-0000-4000-8000-00000000000a', '{"a": 1.0}', '<a/>', '<b/>', '[1,5)', '{[1,5)}', '[2024-01-01,2024-02-29)',
                    '{[2024-01-01,2024-02-29)}', 'empty', '10:20:10,14,15', '16/B374D848', '16/0', '10:20:', '(0,1)', '0',
                    'postgres=r/postgres', 'postgres=w/postgres', '<(1,2),4>', '((1,2),(3,5))', 'pg_class', 'abs(integer)', 'pg_catalog.now', '+(integer,integer)', 'postgres',
                    'pg_catalog', 'english', 'simple', '"C"', '$.a', 'a & b', 'a:1 b:2', 'a=>1', '(1,pg_class,x,"1 2")', '(2,pg_class,,)',
                    '(1,n,0,now,-,-,-,-,-,-,-,f,f,r,r,0,16,0,0,0,,)']
                LOOP
                    CONTINUE WHEN taken >= 3;
                    BEGIN
                        EXECUTE format('INSERT INTO %1$I (id, v, d, a) VALUES (%2$s, %3$L::%4$s, %3$L, %5$s)', 'of_' || of.name,
                                       taken + 1, candidate, of.type,
                                       coalesce(format('ARRAY[%L, NULL]::', candidate) || of.array, 'NULL'));
                        taken := taken + 1;
                    EXCEPTION WHEN OTHERS THEN NULL;
                    END;
                END LOOP;
                BEGIN
                    EXECUTE format('CREATE TABLE %I (k %s PRIMARY KEY, n int)', 'key_' || of.name, of.type);
                    EXECUTE format('INSERT INTO %I SELECT DISTINCT ON (v) v, id FROM %I WHERE id > 0',
                                   'key_' || of.name, 'of_' || of.name);
                EXCEPTION WHEN OTHERS THEN NULL; -- no index can keep it
                END;
            END LOOP;
        END $$;
        """

    /// Writes some of the rows of all these tables, including keys.
    package static let writes = """
        DO $$
        DECLARE of text;
        BEGIN
            FOR of IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^of_' LOOP
                EXECUTE format('UPDATE %I SET v = (SELECT x.v FROM %1$I x WHERE x.id = 2) WHERE id = 1', of);
                EXECUTE format('UPDATE %I SET id = 10 WHERE id = 3', of);
                EXECUTE format('INSERT INTO %I (id, v, d, a) SELECT id + 20, v, d, a FROM %1$I', of);
            END LOOP;
            FOR of IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^key_' LOOP
                EXECUTE format('UPDATE %I SET n = 77 WHERE n = 1', of);
                EXECUTE format('DELETE FROM %I WHERE n = 2', of);
            END LOOP;
        END $$
        """

    /// Sets the values in the first row of every type's table to NULL.
    package static let damage = """
        DO $$
        DECLARE of text;
        BEGIN
            FOR of IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^of_' LOOP
                EXECUTE format('UPDATE %I SET v = NULL, d = NULL, a = NULL WHERE id = 1', of);
            END LOOP;
        END $$
        """
}
