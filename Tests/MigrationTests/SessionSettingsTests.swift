import Catalog
import FoundationEssentials
import Planning
import Postgres
import Rebuild
import Report
import TestSupport
import Testing
import Tidemark

/// Session settings of a role or a database must not change what is read of rows and definitions.
@Suite struct `The settings of a database` {
    /// Values and definitions whose text depends on some setting.
    private static let schema = #"""
        CREATE TYPE pair AS (a text, f float8);
        CREATE TABLE tricky (
            id text PRIMARY KEY DEFAULT E'C:\\temp\\n' CHECK (id <> E'\\' AND id !~ '^\d{9}\\'),
            f float8 DEFAULT 0.1 + 0.2, r real DEFAULT 1e-45, i interval DEFAULT '-1 mon +2 days -03:04:05.678901',
            m money DEFAULT '-1234.5', b bytea DEFAULT '\x5c00ff', x xml DEFAULT 'a<b/>', d date DEFAULT '2024-04-03',
            t timestamptz DEFAULT '2024-04-03 05:06:07.123456+05:45', z timetz DEFAULT '05:06:07-03',
            n text[] DEFAULT '{NULL,"NULL",a\\b}', o oid[] DEFAULT '{1,NULL}', p pair DEFAULT ROW(E'\\', 0.1),
            k int CHECK (k = NULL OR k > 0), "Select" int, twice text GENERATED ALWAYS AS (id || E'\\') STORED
        );
        INSERT INTO tricky (id, k) SELECT E'\\' || g, g FROM generate_series(1, 1500) g;
        INSERT INTO tricky (id, k) SELECT 'ä' || g, NULL FROM generate_series(1, 500) g;
        CREATE INDEX ON tricky (id) WHERE id <> E'\\1' AND d > '2024-04-03';
        CREATE VIEW seen AS SELECT id, E'\\.' AS dot, interval '1 day -2 hours' AS i, '\x00ff'::bytea AS b,
            '1.1'::float8 AS f, ARRAY['a', NULL] AS n FROM tricky WHERE id !~ '\\$';
        CREATE TABLE parts (k text, v text DEFAULT '\') PARTITION BY LIST (k);
        CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (E'\\', E'a\\b');
        CREATE TABLE part_2 PARTITION OF parts DEFAULT;
        INSERT INTO parts VALUES (E'\\'), ('x');
        CREATE FUNCTION f(a text DEFAULT E'\\') RETURNS text LANGUAGE sql AS $$ SELECT '\' || a $$;
        CREATE FUNCTION standard(a text DEFAULT E'\\') RETURNS text IMMUTABLE RETURN a || E'\\';
        CREATE POLICY seen_only ON tricky USING (id <> E'\\'); COMMENT ON TABLE tricky IS E'back\\slash';
        CREATE RULE noted AS ON INSERT TO parts WHERE NEW.v = E'\\' DO ALSO SELECT E'\\';
        CREATE DOMAIN posint AS int DEFAULT 5 CHECK (VALUE > 0 AND E'\\' <> ''); CREATE SEQUENCE s
        """#

    private struct Setting: Decodable {
        let name: String
        let type: String
        let bootValue: ServerText?
        let least: ServerText?
        let greatest: ServerText?
        let values: [ServerText]?
        let unit: String?
        let category: ServerText

        /// Values other than the default that may make a difference.
        var others: [String] {
            let usual = bootValue?.string ?? ""
            switch type {
            case "bool": return [usual == "on" ? "off" : "on"]
            case "enum": return (values ?? []).map(\.string).filter { $0 != usual }
            // With a limit of a millisecond, not even the statement that resets it would succeed.
            case "integer" where unit == "ms": return ["2000"]
            case "integer", "real":
                // Extreme costs produce plans that never end, and change no row.
                let bounds = category.begins(with: "Query Tuning") ? [least] : [least, greatest]
                return (bounds.compactMap { $0?.string } + ["3"]).filter { $0 != usual }
            default: return Self.texts[name.lowercased()] ?? []
            }
        }

        private static let texts = [
            "datestyle": ["SQL, DMY", "German", "Postgres, MDY"], "timezone": ["Asia/Kathmandu", "<+05>-05"],
            "search_path": ["evil, public", "evil, pg_catalog"], "lc_monetary": ["C.UTF-8"], "lc_numeric": ["C.UTF-8"],
            "lc_time": ["C.UTF-8"], "client_encoding": ["LATIN1", "SQL_ASCII"],
            "default_tablespace": ["settings_place"],
            "temp_tablespaces": ["settings_place"], "default_text_search_config": ["pg_catalog.german"],
            "timezone_abbreviations": ["India"], "restrict_nonsystem_relation_kind": ["view, foreign-table"],
            "application_name": ["tidemark"],
        ]
    }

    /// The settings that any role may set for itself.
    private static func settings(of database: TestDatabase) async throws -> [Setting] {
        try await ThreadConfined.with(database.endpoint, purpose: "test") { connection in
            try await connection.run {
                try $0.query(
                    Setting.self,
                    """
                    SELECT name, vartype AS type, boot_val AS boot_value, min_val AS least, max_val AS greatest,
                           pg_catalog.to_json(enumvals) AS values, unit, category
                    FROM pg_catalog.pg_settings WHERE context = 'user' ORDER BY name
                    """
                )
            }
        }
    }

    /// Returns everything that the engine reads of a database, in a new session.
    private static func picture(of database: TestDatabase) async throws -> [ServerText] {
        try await ThreadConfined.with(database.endpoint, purpose: "test") { connection in
            try await connection.run { connection in
                let catalog = try DatabaseCatalog(of: connection)
                var picture = try connection.transaction(.snapshot) { try CatalogObject.all(of: connection) }
                    .map { ServerText("\($0)") }
                picture += catalog.tables.map {
                    ServerText("\($0.columns) \($0.columnsDigest) \($0.partitionBound as Any)")
                }
                picture += catalog.indexes.map(\.definition)
                picture += catalog.constraints.map(\.definition)
                for table in catalog.tables where !table.isPartitioned {
                    for hash in [RowHash.hashesOfColumns, .hashtextextended, .md5, .md5OfUTF8] {
                        let sum = try connection.queryOne(
                            "SELECT sum(\(hash.expression(table.columns)))::text AS s FROM \(table.rows)"
                        )
                        picture.append(sum["s"] ?? "")
                    }
                    let rows = try connection.query(
                        "SELECT t::text AS r FROM \(table.rows) t ORDER BY t::text COLLATE \"C\""
                    )
                    picture += rows.compactMap { $0["r"] }
                }
                // A plan may return them in another order.
                return picture.sorted()
            }
        }
    }

    private static func definitions(of database: TestDatabase) async throws -> [ServerText] {
        let major = try await database.majorVersion()
        let tools = try await PostgresTools.find(
            major: major,
            in: ProcessInfo.processInfo.environment["TIDEMARK_TEST_PG_BIN"]
        )
        let (access, catalog) = try await ThreadConfined.with(database.endpoint, purpose: "test") { connection in
            try await connection.run { (try Definitions.Access($0), try DatabaseCatalog(of: $0)) }
        }
        let definitions = try await Definitions(
            of: access,
            tools: tools,
            scratch: "/tmp",
            excluding: [],
            purpose: "test",
            options: .init(skipsOwners: false, skipsPrivileges: false, skipsTablespaces: false, skippedKinds: [])
        )
        let built = BuiltObjects(of: catalog)
        let rest = try await definitions.script(of: definitions.postData(without: built).rest)
        return [try await definitions.preData().text, rest.text]
    }

    private static func set(_ settings: [(name: String, value: String)], on database: TestDatabase, _ name: String)
        async throws
    {
        for setting in settings {
            let value =
                setting.name == "search_path" || setting.name == "temp_tablespaces"
                ? setting.value : "'\(setting.value)'"
            // The server refuses some of them for everyone.
            try? await database.run("ALTER DATABASE \(name) SET \(setting.name) = \(value)")
        }
    }

    private static func makePlace(on pair: DatabasePair) async throws {
        for database in [pair.source, pair.target] {
            // Another test may have created it, and servers before 15 have no in-place tablespaces.
            try? await database.session { session in
                try await session.run("SET allow_in_place_tablespaces = on")
                try await session.run("CREATE TABLESPACE settings_place LOCATION ''")
            }
        }
    }

    @Test(.onceIn(2)) func `change neither its rows nor its definitions`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await Self.makePlace(on: pair)
            let settings = try await Self.settings(of: pair.source).flatMap { setting in
                setting.others.map { (name: setting.name, value: $0) }
            }
            #expect(settings.count > 100)
            let (rows, definitions) = (
                try await Self.picture(of: pair.source), try await Self.definitions(of: pair.source)
            )
            // pg_dump is slow, so its batches are larger.
            for batch in Self.batches(of: 20, settings) {
                try await expect(batch, on: pair) { try await Self.picture(of: $0) == rows }
            }
            for batch in Self.batches(of: 80, settings) {
                try await expect(batch, on: pair) { try await Self.definitions(of: $0) == definitions }
            }
        }
    }

    /// Groups settings into batches without repeating a setting in a batch.
    private static func batches(of count: Int, _ settings: [(name: String, value: String)])
        -> [[(name: String, value: String)]]
    {
        var batches: [[(name: String, value: String)]] = []
        for setting in settings {
            let place = batches.firstIndex { batch in
                batch.count < count && !batch.contains { $0.name == setting.name }
            }
            if let place { batches[place].append(setting) } else { batches.append([setting]) }
        }
        return batches
    }

    /// Checks a batch; if it fails, tries its halves until one setting is left to report.
    private func expect(
        _ batch: [(name: String, value: String)],
        on pair: DatabasePair,
        _ holds: (TestDatabase) async throws -> Bool
    ) async throws {
        let server = try TestDatabase(TestServers.source(database: "postgres"), side: .source)
        try await Self.set(batch, on: server, pair.name)
        let isSame = (try? await holds(pair.source)) ?? false
        try await server.run("ALTER DATABASE \(pair.name) RESET ALL")
        guard !isSame else { return }
        guard batch.count > 1 else {
            Issue.record("\(batch[0].name) = \(batch[0].value)")
            return
        }
        for half in [batch.prefix(batch.count / 2), batch.suffix(batch.count - batch.count / 2)] {
            try await expect(Array(half), on: pair, holds)
        }
    }

    /// Settings that once changed what was read, written or printed, or all settings at once.
    @Test(arguments: Cases.some(1, of: ["source", "target", "both"]), [false, true])
    func `break no cutover, and it is proven`(side: String, isEverySetting: Bool) async throws {
        let decisive = [
            ("standard_conforming_strings", "off"), ("quote_all_identifiers", "on"), ("array_nulls", "off"),
            ("transform_null_equals", "on"), ("backslash_quote", "off"), ("xmloption", "document"),
            ("default_tablespace", "settings_place"), ("exit_on_error", "on"), ("intervalstyle", "sql_standard"),
            ("datestyle", "SQL, DMY"), ("gin_fuzzy_search_limit", "1"), ("lc_monetary", "C.UTF-8"),
            ("extra_float_digits", "-15"), ("bytea_output", "escape"),
        ]
        try await migrate("\(side), \(isEverySetting)") { one, all in
            guard side == one || side == "both" else { return [] }
            return isEverySetting
                ? all.compactMap { setting in setting.others.first.map { (setting.name, $0) } } : decisive
        }
    }

    /// The seeds of random combinations; scripts/test-long asks for a hundred.
    private static let seeds =
        1...(ProcessInfo.processInfo.environment["TIDEMARK_SETTINGS_SEEDS"].flatMap(Int.init) ?? 1)

    @Test(.onceIn(3)) func `in any combination break no cutover`() async throws {
        for seed in Self.seeds {
            var random = SplitMix(seed: UInt64(seed))
            try await migrate("seed \(seed)") { _, all in
                // Each side gets about a third of them, with one of their values.
                all.compactMap { setting in
                    guard random.next(upTo: 3) == 0, !setting.others.isEmpty else { return nil }
                    return (setting.name, setting.others[random.next(upTo: setting.others.count)])
                }
            }
        }
    }

    /// Migrates between databases with settings of their own.
    ///
    /// - Parameters:
    ///   - place: What a failure is reported with.
    ///   - choose: Chooses the settings of a side, from all there are.
    /// - Throws: What the migration throws.
    private func migrate(
        _ place: String,
        _ choose: (_ side: String, _ all: [Setting]) -> [(name: String, value: String)]
    ) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await Self.makePlace(on: pair)
            // On the target these are findings, and rightly so.
            let found = ["default_transaction_read_only", "synchronous_commit"]
            for (side, database) in [("source", pair.source), ("target", pair.target)] {
                let settings = choose(side, try await Self.settings(of: database))
                    .filter { side == "source" || !found.contains($0.name) }
                let server = try TestDatabase(
                    side == "source"
                        ? TestServers.source(database: "postgres") : TestServers.target(database: "postgres"),
                    side: database.endpoint.side
                )
                try await Self.set(settings, on: server, pair.name)
            }
            // Copying the source's settings is not part of this test.
            let migration = pair.migration { $0.omissions = [.databaseSettings] }
            _ = try await migration.precopy()
            let write = "UPDATE tricky SET n = '{NULL,x}', k = 7 WHERE id LIKE '%77%'; DELETE FROM tricky WHERE k = 5"
            try await pair.source.run(
                "SET default_transaction_read_only = off; SET standard_conforming_strings = on; SET array_nulls = on;"
                    + write
            )
            let report = try await migration.cutover()
            #expect(report.outcome == .done, "\(place): \(report.text)")
            // Sessions without these settings: they would change the texts that are compared.
            for (database, make) in [
                (pair.source, TestServers.source(database:)), (pair.target, TestServers.target(database:)),
            ] {
                try await TestDatabase(make("postgres"), side: database.endpoint.side)
                    .run("ALTER DATABASE \(pair.name) RESET ALL")
            }
            #expect(try await pair.differingTables() == [], "\(place)")
            #expect(
                try await pair.target.value(
                    "SELECT count(*) FROM pg_class WHERE reltablespace <> 0 AND relname ~ '^(tricky|part)'"
                ) == "0",
                "\(place)"
            )
        }
    }
}
