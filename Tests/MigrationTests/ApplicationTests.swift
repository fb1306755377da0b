import FoundationEssentials
import Postgres
import TestSupport
import Testing
import Tidemark

/// Databases like those of real applications, each with its special features, moved by ordinary roles between servers
/// whose extensions an administrator created.
@Suite(.disabled(if: HostileDatabase.isWanted, "Only a superuser may create its casts."))
struct `The database of an application` {
    struct Application: CustomStringConvertible, Sendable {
        let description: String
        var extensions: [String] = []
        /// SQL that the administrator runs on both sides after the extensions exist.
        var administration = ""
        /// The role that reads the source; policies may hide a table's rows from other roles.
        var reader = "plain_reader"
        /// Writes of the application between the passes.
        let writes: String
        /// What must be equal on both sides afterwards, besides the rows of its tables.
        var proof = "SELECT 1"
    }

    static let applications = [
        Application(
            description: "music",
            writes: """
                SET search_path = catalogue, public;
                UPDATE artist SET name = 'Changed ' || id WHERE id % 37 = 0; DELETE FROM artist_vote WHERE editor < 40;
                INSERT INTO recording (gid, title, artist_credit) SELECT gen_random_uuid(), 'New ' || n, n
                FROM generate_series(1, 50) n
                """
        ),
        Application(
            description: "chat",
            writes: """
                UPDATE events SET received = 1 WHERE stream_ordering % 41 = 0;
                DELETE FROM event_parents WHERE event_id IN (SELECT event_id FROM event_parents ORDER BY 1 LIMIT 9);
                SELECT nextval('events_stream_seq'), nextval('events_backwards_seq')
                """
        ),
        Application(
            description: "billing",
            reader: "plain_bypasser",
            writes: """
                UPDATE customers SET metadata = metadata || '{"late": true}' WHERE currency = 'USD';
                UPDATE usage_events SET quantity = 9 WHERE happened_at BETWEEN '2024-02-01' AND '2024-02-03';
                INSERT INTO payments (id, currency, invoice_id, cents, paid_at)
                SELECT gen_random_uuid(), 'CHF', id, 7, '2024-05-01 00:00Z' FROM invoices LIMIT 25;
                REFRESH MATERIALIZED VIEW daily_usage; REFRESH MATERIALIZED VIEW monthly_usage
                """
        ),
        Application(
            description: "map",
            extensions: ["postgis"],
            writes: """
                UPDATE live_nodes SET geom = ext.st_translate(geom, 0.001, 0), version = version + 1 WHERE id % 19 = 0;
                UPDATE ways SET tags = tags || 'lit=>yes' WHERE id % 11 = 0; DELETE FROM road_closures WHERE way_id = 7
                """
        ),
        Application(
            description: "readings",
            extensions: ["pg_partman"],
            administration: """
                GRANT ALL ON SCHEMA ext TO plain_owner; GRANT ALL ON ALL TABLES IN SCHEMA ext TO plain_owner
                """,
            writes: """
                UPDATE ext.part_config SET premake = 5;
                UPDATE readings SET value = 0 WHERE meter = 'm3'; DELETE FROM readings WHERE meter = 'm4';
                INSERT INTO readings (meter, taken_at, value) SELECT 'new', now() + n * interval '1 day', 1
                FROM generate_series(1, 9) n
                """,
            proof: "SELECT string_agg(parent_table || premake::text || retention, ',') FROM ext.part_config"
        ),
    ]

    @Test(arguments: applications)
    func `is moved without being refused and without a false alarm`(_ application: Application) async throws {
        let script = try String(contentsOfFile: "Tests/MigrationTests/Applications/\(application).sql", encoding: .utf8)
        try await `Ordinary roles`.with("", reader: application.reader) { pair, migration in
            for name in ["hstore"] + application.extensions {
                let isThere = "SELECT count(*) FROM pg_available_extensions WHERE name = '\(name)'"
                for database in [pair.source, pair.target] where try await database.value(isThere) == "0" { return }
            }
            for name in application.extensions {
                for database in [pair.source, pair.target] {
                    try await database.run("CREATE EXTENSION \(name) SCHEMA ext")
                }
            }
            for database in [pair.source, pair.target] { try await database.run(application.administration) }
            try await pair.source.run("SET ROLE plain_owner; SET search_path = public, ext; \(script)")
            let inspection = try await migration.inspect()
            #expect(inspection.isClear, "\(inspection.text)")
            #expect(try await migration.precopy().outcome == .done)
            try await pair.source.run("SET ROLE plain_owner; SET search_path = public, ext; \(application.writes)")
            #expect(try await migration.precopy().outcome == .done)
            let cutover = try await migration.cutover()
            #expect(cutover.outcome == .done, "\(cutover.text)")
            #expect(try await pair.differingTables() == [])
            let wanted = try await pair.source.value(application.proof)
            #expect(try await pair.target.value(application.proof) == wanted)
            let verified = try await migration.verify()
            #expect(verified.outcome == .done, "\(verified.text)")
        }
    }
}
