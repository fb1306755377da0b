import FoundationEssentials
import Planning
import TestSupport
import Tidemark

/// A folder for an archive, deleted after the test, and databases to restore it into.
struct TestArchive {
    let path = FileManager.default.temporaryDirectory.path + "/archive-" + UUID().uuidString
    let pair: DatabasePair

    static func with(_ pair: DatabasePair, _ body: (TestArchive) async throws -> Void) async throws {
        let archive = TestArchive(pair: pair)
        defer { try? FileManager.default.removeItem(atPath: archive.path) }
        try await body(archive)
    }

    func archive(_ change: (inout DatabaseArchive) -> Void = { _ in }) -> DatabaseArchive {
        var options = MigrationOptions()
        options.plan.chunkBytes = 64 << 10
        options.plan.wholeBelowBytes = 16 << 10
        options.jobs = 2
        var archive = DatabaseArchive(path, options: options)
        change(&archive)
        return archive
    }

    /// Creates another empty target database while `body` runs.
    func withEmptyTarget(_ name: String, _ body: (TestDatabase) async throws -> Void) async throws {
        let administration = try TestDatabase(TestServers.target(database: "postgres"), side: .target)
        let database = "\(pair.name)_\(name)"
        try await administration.run("CREATE DATABASE \(database)")
        let target = try TestDatabase(
            pair.target.conninfo.replacing("dbname=\(pair.name)", with: "dbname=\(database)"),
            side: .target
        )
        try await body(target)
    }
}

extension TestDatabase {
    /// Every table's rows as sorted text: the oracle, which shares no code with the tool.
    func contents() async throws -> [String: [String]] {
        let tables = try await column(
            """
            SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'tidemark')
            """
        )
        var contents: [String: [String]] = [:]
        for table in tables {
            contents[table] = try await column("SELECT t::text FROM ONLY \(table) t ORDER BY t::text COLLATE \"C\"")
        }
        return contents
    }
}
