import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Report
import Verification

/// Asks both sides what would go wrong.
struct Inspecting {
    private static let purpose = "tidemark inspect"

    private let migration: Migration

    init(_ migration: Migration) {
        self.migration = migration
    }

    func run() async throws -> InspectionReport {
        let (target, run) = try await ThreadConfined.with(migration.target, purpose: Self.purpose) { target in
            try await target.run { try (DatabaseCatalog(of: $0), Ledger.run(on: $0)) }
        }
        let omissions = migration.options.omissions.union(run?.omissions ?? [])
        let (source, expressions) = try await ThreadConfined.with(migration.source, purpose: Self.purpose) { source in
            try await source.run { connection in
                let catalog = try DatabaseCatalog(of: connection)
                return (catalog, try Self.brokenExpressions(of: catalog, on: connection))
            }
        }
        var findings = try await findings(source, target, omissions) + expressions
        if source.identity.serverVersion.major > target.identity.serverVersion.major {
            findings.append(
                Finding(
                    "server",
                    "version",
                    "older-target",
                    .stops,
                    "definitions only move to the same or a newer major version",
                    source: "\(source.identity.serverVersion)",
                    target: "\(target.identity.serverVersion)"
                )
            )
        }
        findings += try await Self.toolFindings(
            servers: [source.identity.serverVersion, target.identity.serverVersion],
            directory: migration.options.toolDirectory
        )
        return InspectionReport(
            source: migration.source.description,
            target: migration.target.description,
            findings: findings.sorted { ($1.severity, $0.kind, $0.object) < ($0.severity, $1.kind, $1.object) }
        )
    }

    /// Whether `pg_dump` is installed, and knows what the servers know.
    private static func toolFindings(servers: [ServerVersion], directory: String?) async throws -> [Finding] {
        do {
            let tools = try await PostgresTools.find(major: servers.map(\.major).max() ?? 0, in: directory)
            return Set(servers).filter(tools.areOlder(than:)).sorted().map { server in
                Finding(
                    "client",
                    "pg_dump",
                    "older-minor",
                    .note,
                    "pg_dump \(tools.version) is older than a server of version \(server): "
                        + "it may write definitions wrong that a newer one writes right",
                    repair: "apt-get install --only-upgrade postgresql-client-\(server.major)"
                )
            }
        } catch let error as ToolError {
            return [Finding("client", "pg_dump", .missing, .stops, "\(error)")]
        }
    }

    /// What the two servers make of each other.
    func findings(
        _ source: DatabaseCatalog,
        _ target: DatabaseCatalog,
        _ omissions: Set<Omission>
    ) async throws -> [Finding] {
        let requirements = try await ThreadConfined.with(migration.source, purpose: Self.purpose) { source in
            try await source.run { try Requirements(of: $0) }
        }
        let provisions = try await ThreadConfined.with(migration.target, purpose: Self.purpose) { target in
            try await target.run { try Provisions(of: $0) }
        }
        let hidden = migration.options.plan.wanted(source.extensionTables).filter { !$0.isReadable }.map { table in
            Finding(
                "extension rows",
                table.qualifiedName.description,
                "unreadable",
                .stops,
                "role \(source.identity.roleName.visible) may not read all of its rows, which extension "
                    + "\(table.extension.visible) does not make; --exclude leaves them out",
                repair:
                    "GRANT SELECT ON \(table.qualifiedName.quoted) TO \(Identifier(source.identity.roleName).quoted)"
            )
        }
        return hidden
            + Inspection(
                source: source,
                requirements: requirements,
                target: target,
                provisions: provisions,
                omissions: omissions
            ).findings
    }

    /// Functions of indexes that find what they use by the search path only: an index is built with an empty one.
    private static func brokenExpressions(
        of catalog: DatabaseCatalog,
        on connection: Connection
    ) throws -> [Finding] {
        var findings: [Finding] = []
        for index in catalog.indexes where index.parentOid == nil && !index.isOfMaterializedView {
            let list = [index.expressions, index.predicate].compactMap { $0.map { SQL(trusted: $0) } }
            guard !list.isEmpty else { continue }
            do {
                try connection.transaction(.snapshot) {
                    _ = try connection.query(
                        "SELECT (\(list.joined(separator: ") IS NULL, ("))) IS NULL FROM \(index.tableQualifiedName) LIMIT 1"
                    )
                }
            } catch let error as PostgresError where error.code == .statementFailed {
                findings.append(
                    Finding(
                        "index",
                        index.qualifiedName.description,
                        "needs-search-path",
                        .stops,
                        "its expressions fail without a search path, as it will be built: \(error.message)"
                    )
                )
            }
        }
        return findings
    }
}
