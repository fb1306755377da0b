package import Catalog
package import Planning
import Postgres

/// Checks what rows and definitions cannot show: whether the target is ready to be opened.
///
/// Pure.
package struct Readiness {
    /// What must be known about one side.
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

    /// Dangerous values of settings; they are reported unless the source has the same value.
    private static let dangers: [(name: String, value: String, severity: Finding.Severity, why: String)] = [
        ("fsync", "off", .stops, "a crash of the machine can destroy the database"),
        ("full_page_writes", "off", .stops, "a crash of the machine can destroy pages"),
        (
            "autovacuum", "off", .hurts,
            "dead rows stay, statistics get old, and rows are frozen only when transaction ids are about to wrap around"
        ),
        ("track_counts", "off", .hurts, "autovacuum does not know which tables need it"),
        ("synchronous_commit", "off", .hurts, "a crash loses the last commits"),
        ("session_replication_role", "replica", .stops, "triggers do not fire and foreign keys are not checked"),
        ("default_transaction_read_only", "on", .stops, "every write fails"),
        ("zero_damaged_pages", "on", .stops, "damaged pages are silently emptied"),
        ("ignore_checksum_failure", "on", .stops, "damaged pages are read as if they were intact"),
        ("ignore_system_indexes", "on", .hurts, "every catalog lookup reads whole tables"),
    ]

    /// The setting that the source may have only because it is closed for the cutover.
    private static let fence = "default_transaction_read_only"

    private let source: Side
    private let target: Side
    private let scope: Scope

    package init(source: Side, target: Side, scope: Scope) {
        self.source = source
        self.target = target
        self.scope = scope
    }

    /// Returns what must be fixed before the target is opened.
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
        let tables = target.catalog.tables.filter { scope.contains($0.qualifiedName) && !$0.isPartitioned }
        let ours = source.catalog.tables.count { scope.contains($0.qualifiedName) && !$0.isPartitioned }
        result.examined.append(.init(kind: "statistics", source: ours, target: tables.count))
        // Statistics are required even if the source has none.
        for table in target.facts.withoutStatistics where scope.contains(table) {
            result.findings.append(
                Finding(
                    "statistics",
                    object: table.description,
                    problem: .missing,
                    severity: .hurts,
                    "the planner knows nothing about its rows: every query on it may be slow",
                    repair: "ANALYZE \(table.quoted)"
                )
            )
        }
        let alsoOnSource = Set((source.facts.refusedUpdates ?? []).map(\.table))
        for refused in target.facts.refusedUpdates ?? [] where scope.contains(refused.table) {
            guard !alsoOnSource.contains(refused.table) else { continue }
            result.findings.append(
                Finding(
                    "table",
                    object: refused.table.description,
                    problem: "refuses-updates",
                    severity: .stops,
                    "UPDATE and DELETE fail on the target: a publication does not publish a generated column of its replica identity, "
                        + "which PostgreSQL 18 demands",
                    repair: refused.repair
                )
            )
        }
        judge(
            target.facts.notVacuumed,
            problem: "not-vacuumed",
            severity: .note,
            "index-only scans also read the table until it is vacuumed",
            repair: "VACUUM (ANALYZE)",
            into: &result
        )
        judge(
            target.facts.nearWraparound,
            problem: "near-wraparound",
            severity: .hurts,
            "its rows must be frozen soon: autovacuum will read the whole table, and you do not choose when",
            repair: "VACUUM (FREEZE)",
            into: &result
        )
    }

    private func judge(
        _ tables: [QualifiedName],
        problem: Finding.Problem,
        severity: Finding.Severity,
        _ message: String,
        repair: String,
        into result: inout VerificationResult
    ) {
        for table in tables where scope.contains(table) {
            result.findings.append(
                Finding(
                    "table",
                    object: table.description,
                    problem: problem,
                    severity: severity,
                    message,
                    repair: "\(repair) \(table.quoted)"
                )
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
                    object: danger.name,
                    problem: "left-behind",
                    severity: danger.severity,
                    "\(danger.why) (pg_settings.source shows where it is set)",
                    source: ours[danger.name],
                    target: danger.value,
                    repair: "ALTER SYSTEM RESET \(danger.name); SELECT pg_catalog.pg_reload_conf()"
                )
            )
        }
    }

    /// Checks that every role that uses the source can connect to the target.
    private func judgeRoles(_ result: inout VerificationResult) {
        guard !scope.omits(.owners) || !scope.omits(.privileges) else { return }
        let there = Dictionary(keepingFirst: target.facts.roles.map { ($0.name, $0) })
        let memberships = RoleMemberships(source: source, target: target.facts.roles, scope: scope)
        let wanted = memberships.usersOfSource
        result.findings += memberships.findings
        result.examined.append(
            .init(kind: "role", source: wanted.count, target: wanted.count { there[$0.name] != nil })
        )
        for role in wanted {
            guard let ofTarget = there[role.name] else {
                result.findings.append(
                    Finding(
                        "role",
                        object: role.name,
                        problem: .missing,
                        severity: .hurts,
                        "it uses the source but does not exist on the target"
                    )
                )
                continue
            }
            guard !ofTarget.mayConnect else { continue }
            result.findings.append(
                Finding(
                    "role",
                    object: role.name,
                    problem: "cannot-connect",
                    severity: .stops,
                    "it uses the source but cannot log in to the target: "
                        + (ofTarget.loginObstacle?.description ?? "NOLOGIN, expired, or no CONNECT on the database"),
                    repair: ofTarget.loginObstacle?.repair(
                        of: Identifier(role.name),
                        in: Identifier(target.catalog.identity.databaseName)
                    )
                )
            )
        }
    }

    // MARK: Whether it is closed

    /// Checks the settings of new sessions; this tool's own sessions override them.
    private func judgeClosing(_ result: inout VerificationResult) {
        let database = Identifier(target.catalog.identity.databaseName).quoted
        let closing = target.catalog.settings.closing.filter { setting in
            // With database settings left out, a timeout may be the target's own.
            setting.role == nil && (setting.isFence || !scope.omits(.databaseSettings))
        }
        for setting in closing {
            result.findings.append(
                Finding(
                    "database setting",
                    object: setting.subject,
                    problem: "closes",
                    severity: .stops,
                    "it applies to new sessions: the application cannot write, or cannot run what takes a second",
                    target: setting.value,
                    repair: "ALTER DATABASE \(database) RESET \(Identifier(setting.name).quoted)"
                )
            )
        }
        if target.catalog.settings.admitsNobody {
            result.findings.append(
                Finding(
                    "database setting",
                    object: "connection limit",
                    problem: "closes",
                    severity: .stops,
                    "only superusers may connect",
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
                    object: "CONNECT",
                    problem: "closes",
                    severity: .stops,
                    "none of the roles that may log in and write to tables may connect: "
                        + writers.prefix(5).map(\.name.visible).joined(separator: ", "),
                    repair: "GRANT CONNECT ON DATABASE \(database) TO \(Identifier(writers[0].name).quoted)"
                )
            )
        }
        // A read-only setting of a source role in that database alone is also part of the fence for the cutover.
        let fenced = Set(source.catalog.settings.closing.compactMap(\.role))
        let closed = Set(source.facts.closedRoles ?? []).subtracting(fenced)
        for role in target.facts.closedRoles ?? [] where !closed.contains(role) {
            result.findings.append(
                Finding(
                    "role",
                    object: role,
                    problem: "read-only",
                    severity: .stops,
                    "it may write to tables, but its new sessions are read-only (default_transaction_read_only)",
                    repair: "ALTER ROLE \(Identifier(role).quoted) RESET default_transaction_read_only"
                )
            )
        }
    }

    // MARK: Indexes

    /// Lists the source's most used indexes and whether the target has them.
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

extension ReadinessFacts.LoginObstacle {
    fileprivate var description: String {
        switch self {
        case .noLogin: "it has NOLOGIN"
        case .expired: "its VALID UNTIL has passed"
        case .noConnections: "its CONNECTION LIMIT is 0"
        case .noConnect: "it has no CONNECT on the database"
        }
    }

    /// The statement that lets it log in.
    fileprivate func repair(of role: Identifier, in database: Identifier) -> String {
        switch self {
        case .noLogin: "ALTER ROLE \(role.quoted) LOGIN"
        case .expired: "ALTER ROLE \(role.quoted) VALID UNTIL 'infinity'"
        case .noConnections: "ALTER ROLE \(role.quoted) CONNECTION LIMIT -1"
        case .noConnect: "GRANT CONNECT ON DATABASE \(database.quoted) TO \(role.quoted)"
        }
    }
}
