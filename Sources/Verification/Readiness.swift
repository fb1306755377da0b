package import Catalog
package import Planning
package import Postgres

/// Whether the target is ready to be opened: what neither rows nor definitions tell.
///
/// Pure.
package struct Readiness {
    /// What of one side has to be known.
    package struct Side {
        let catalog: DatabaseCatalog
        let objects: [CatalogObject]
        let facts: ReadinessFacts

        package init(catalog: DatabaseCatalog, objects: [CatalogObject], facts: ReadinessFacts) {
            self.catalog = catalog
            self.objects = objects
            self.facts = facts
        }
    }

    /// What a setting must not be, unless the source has it so as well, and how bad it is.
    private static let dangers: [(name: String, value: String, severity: Finding.Severity, why: String)] = [
        ("fsync", "off", .stops, "a crash of the machine destroys the database"),
        ("full_page_writes", "off", .stops, "a crash of the machine may destroy pages"),
        (
            "autovacuum", "off", .hurts,
            "nobody removes dead rows, gathers statistics, or keeps ids from wrapping around"
        ),
        ("track_counts", "off", .hurts, "autovacuum does not know where it is needed"),
        ("synchronous_commit", "off", .hurts, "a crash loses what was committed last"),
        ("session_replication_role", "replica", .stops, "neither triggers nor foreign keys are checked"),
        ("default_transaction_read_only", "on", .stops, "every write fails"),
        ("zero_damaged_pages", "on", .stops, "damaged pages are emptied in silence"),
        ("ignore_checksum_failure", "on", .stops, "damaged pages are read as if they were whole"),
        ("ignore_system_indexes", "on", .hurts, "every look into the catalogs reads whole tables"),
    ]

    /// The source may have it for this very night.
    private static let fence = "default_transaction_read_only"

    private let source: Side
    private let target: Side
    private let excluded: Set<QualifiedName>
    private let omissions: Set<Omission>

    package init(source: Side, target: Side, excluding excluded: Set<QualifiedName>, omissions: Set<Omission>) {
        self.source = source
        self.target = target
        self.excluded = excluded
        self.omissions = omissions
    }

    /// What is in the way of opening.
    package func result() -> VerificationResult {
        var result = VerificationResult(method: "catalog")
        judgeTables(&result)
        judgeSettings(&result)
        judgeClosing(&result)
        judgeRoles(&result)
        judgeIndexes(&result)
        return result
    }

    // MARK: Tables

    private func judgeTables(_ result: inout VerificationResult) {
        let tables = target.catalog.tables.filter { !excluded.contains($0.qualifiedName) && !$0.isPartitioned }
        let ours = source.catalog.tables.count { !excluded.contains($0.qualifiedName) && !$0.isPartitioned }
        result.examined.append(.init(kind: "statistics", source: ours, target: tables.count))
        // A source that has none is no reason to open without.
        for table in target.facts.withoutStatistics where !excluded.contains(table) {
            result.findings.append(
                Finding(
                    "statistics",
                    table.description,
                    .missing,
                    .hurts,
                    "the planner knows nothing of its rows: every query on it may be slow",
                    repair: "ANALYZE \(table.quoted)"
                )
            )
        }
        judge(
            target.facts.notVacuumed,
            "not-vacuumed",
            .note,
            "index-only scans read the table as well, until it is vacuumed",
            repair: "VACUUM (ANALYZE)",
            &result
        )
        judge(
            target.facts.nearWraparound,
            "near-wraparound",
            .hurts,
            "its rows must be frozen soon: autovacuum will read all of it, at a moment of its own choosing",
            repair: "VACUUM (FREEZE)",
            &result
        )
    }

    private func judge(
        _ tables: [QualifiedName],
        _ problem: Finding.Problem,
        _ severity: Finding.Severity,
        _ message: String,
        repair: String,
        _ result: inout VerificationResult
    ) {
        for table in tables where !excluded.contains(table) {
            result.findings.append(
                Finding("table", table.description, problem, severity, message, repair: "\(repair) \(table.quoted)")
            )
        }
    }

    // MARK: The server

    private func judgeSettings(_ result: inout VerificationResult) {
        let (ours, theirs) = (source.facts.settings, target.facts.settings)
        result.examined.append(.init(kind: "server setting", source: ours.count, target: theirs.count))
        for danger in Self.dangers
        where theirs[danger.name]?.string == danger.value
            && (danger.name == Self.fence || ours[danger.name]?.string != danger.value)
        {
            result.findings.append(
                Finding(
                    "server setting",
                    danger.name,
                    "left-behind",
                    danger.severity,
                    danger.why,
                    source: ours[danger.name],
                    target: danger.value,
                    repair: "ALTER SYSTEM RESET \(danger.name)"
                )
            )
        }
    }

    /// Who could work with the source must be able to connect to the target.
    private func judgeRoles(_ result: inout VerificationResult) {
        guard !omissions.contains(.owners) || !omissions.contains(.privileges) else { return }
        let there = Dictionary(target.facts.roles.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let wanted = usersOfSource()
        result.examined.append(
            .init(kind: "role", source: wanted.count, target: wanted.count { there[$0.name] != nil })
        )
        for role in wanted {
            guard let ofTarget = there[role.name] else {
                result.findings.append(
                    Finding("role", role.name, .missing, .hurts, "it works with the source and is not on the target")
                )
                continue
            }
            guard !ofTarget.mayConnect else { continue }
            result.findings.append(
                Finding(
                    "role",
                    role.name,
                    "cannot-connect",
                    .stops,
                    "it works with the source and cannot log in to the target: NOLOGIN, expired, no connections allowed, or no CONNECT on the database",
                    repair: "ALTER ROLE \(Identifier(role.name).quoted) LOGIN"
                )
            )
        }
    }

    /// Roles that may connect and own something, have rights on something, or are members of such roles.
    private func usersOfSource() -> [ReadinessFacts.Role] {
        let byName = Dictionary(source.facts.roles.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var concerned: Set<ServerText> = []
        for object in source.objects {
            switch object.kind {
            case "owner": concerned.formUnion(object.attributes.all.values)
            case "privileges": concerned.formUnion(object.attributes.all.keys)
            default: break
            }
        }
        func reaches(_ role: ReadinessFacts.Role, _ seen: Set<ServerText> = []) -> Bool {
            concerned.contains(role.name)
                || role.groups.contains { group in
                    !seen.contains(group) && byName[group].map { reaches($0, seen.union([group])) } ?? false
                }
        }
        return source.facts.roles.filter { $0.mayConnect && reaches($0) }.sorted { $0.name < $1.name }
    }

    // MARK: Whether it is closed

    /// What a new session gets, whatever the sessions of this tool are pinned to.
    private func judgeClosing(_ result: inout VerificationResult) {
        let database = Identifier(target.catalog.identity.databaseName).quoted
        let closing = target.catalog.settings.closing.filter { setting in
            // A timeout may be the target's own where its settings are left to it.
            setting.role == nil && (setting.isFence || !omissions.contains(.databaseSettings))
        }
        for setting in closing {
            result.findings.append(
                Finding(
                    "database setting",
                    setting.subject,
                    "closes",
                    .stops,
                    "new sessions get it: the application can write nothing, or do nothing that takes a second",
                    target: setting.value,
                    repair: "ALTER DATABASE \(database) RESET \(Identifier(setting.name).quoted)"
                )
            )
        }
        if target.catalog.settings.admitsNobody {
            result.findings.append(
                Finding(
                    "database setting",
                    "connection limit",
                    "closes",
                    .stops,
                    "nobody but a superuser may connect",
                    target: "0",
                    repair: "ALTER DATABASE \(database) CONNECTION LIMIT -1"
                )
            )
        }
        let writers = target.facts.roles.filter { $0.isWriter == true }
        if !writers.isEmpty, writers.allSatisfy({ !$0.mayConnect }) {
            result.findings.append(
                Finding(
                    "database setting",
                    "CONNECT",
                    "closes",
                    .stops,
                    "no role that may log in and write to tables may connect: "
                        + writers.prefix(5).map(\.name.visible).joined(separator: ", "),
                    repair: "GRANT CONNECT ON DATABASE \(database) TO \(Identifier(writers[0].name).quoted)"
                )
            )
        }
        // What closes a role of the source in its own database alone is the night's fence as well.
        let fenced = Set(source.catalog.settings.closing.compactMap(\.role))
        let closed = Set(source.facts.closedRoles ?? []).subtracting(fenced)
        for role in target.facts.closedRoles ?? [] where !closed.contains(role) {
            result.findings.append(
                Finding(
                    "role",
                    role,
                    "read-only",
                    .stops,
                    "it may write to tables, and its new sessions are read-only (default_transaction_read_only)",
                    repair: "ALTER ROLE \(Identifier(role).quoted) RESET default_transaction_read_only"
                )
            )
        }
    }

    // MARK: Indexes

    /// The one line that would have spared a company seven hours.
    private func judgeIndexes(_ result: inout VerificationResult) {
        let there = Set(target.catalog.indexes.filter(\.isUsable).map(\.qualifiedName))
        result.mostUsedIndexes = source.facts.mostUsedIndexes.map { index in
            VerificationResult.UsedIndex(
                name: index.qualifiedName.description,
                table: index.table.string,
                scans: index.scans,
                isOnTarget: there.contains(index.qualifiedName)
            )
        }
    }
}
