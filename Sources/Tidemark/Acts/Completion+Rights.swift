import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Verification

extension Completion {
    /// Returns the privileges that can be granted before the proof.
    ///
    /// The others would keep the run itself from reading or writing a table: an owner may have given up INSERT or
    /// SELECT on its own table, as is done with audit logs.
    func rights(_ rights: Rights) async throws -> SQL {
        let closed = try await closedTables(after: rights)
        guard !closed.isEmpty else { return try await rights.definitions.script(of: rights.entries) }
        return try await rights.script(onTables: closed, elsewhere: true)
    }

    /// Grants the run the privileges that an earlier cutover has revoked from it.
    ///
    /// - Parameter connection: A connection to the target, with an open transaction.
    /// - Throws: ``PostgresError``.
    static func reopenTables(on connection: Connection) throws {
        for table in try closedTables(on: connection) {
            try connection.execute("GRANT ALL ON TABLE \(table) TO CURRENT_USER")
        }
    }

    /// Grants what ``rights(_:)`` has left out, and compares the privileges.
    ///
    /// - Parameters:
    ///   - rights: All privileges.
    ///   - result: What the proof has found so far.
    ///   - source: The source's catalog.
    /// - Returns: The result, with the findings for these privileges.
    /// - Throws: ``PostgresError``, ``ToolError``.
    func closeTables(
        _ rights: Rights,
        _ result: VerificationResult,
        comparedWith source: @autoclosure () async throws -> VerifiedSide
    ) async throws -> VerificationResult {
        let closed = try await closedTables(after: rights)
        guard !closed.isEmpty else { return result }
        let source = try await source()
        let script = try await rights.script(onTables: closed, elsewhere: false)
        try await Connection.with(session.context.target, purpose: session.purpose("rights")) {
            [epoch = session.epoch] connection in
            try connection.transaction(.readWrite) {
                let ledger = Ledger(connection, epoch: epoch)
                try ledger.fence()
                try during("granting privileges") {
                    try connection.execute(definitions: GrantorScript.byRoles(script, as: connection.endpoint.role))
                }
                try ledger.record("rights that the run needed itself")
            }
        }
        let scope = session.scope
        let there = try await Connection.with(session.context.target, purpose: session.purpose("verify")) {
            connection in
            try connection.transaction(.snapshot) { try VerifiedSide(of: connection, in: scope) }
        }
        func granted(on side: VerifiedSide) -> [CatalogObject] {
            side.objects.filter { $0.kind == .privileges && $0.table.map(closed.contains) == true }
        }
        let (ours, theirs) = (granted(on: source), granted(on: there))
        let judged = Set((ours + theirs).map { ServerText($0.object.string) })
        var result = result
        result.findings.removeAll { $0.kind == "privileges" && judged.contains(ServerText($0.object)) }
        result.findings +=
            ObjectComparison(
                source: ours,
                target: theirs,
                versions: (source.catalog.identity.serverVersion, there.catalog.identity.serverVersion),
                scope: session.scope
            ).result().findings
        return result
    }

    /// Returns the tables that the run could not read or write after all grants; tries them and rolls back.
    private func closedTables(after rights: Rights) async throws -> Set<QualifiedName> {
        guard !rights.entries.isEmpty else { return [] }
        let script = try await rights.definitions.script(of: rights.entries)
        return try await Connection.with(session.context.target, purpose: session.purpose("rights")) { connection in
            try connection.execute(Connection.TransactionMode.readWrite.begin)
            defer { _ = try? connection.execute("ROLLBACK") }
            try during("granting privileges") {
                try connection.execute(definitions: GrantorScript.byRoles(script, as: connection.endpoint.role))
            }
            return Set(try Self.closedTables(on: connection))
        }
    }

    /// The tables of the role that it may not read or write itself.
    ///
    /// - Parameter connection: A connection to the target.
    /// - Returns: Their names.
    /// - Throws: ``PostgresError``.
    static func closedTables(on connection: Connection) throws -> [QualifiedName] {
        try connection.query(
            """
            SELECT n.nspname, c.relname
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
              AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tidemark')
              AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
              AND NOT (pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_table_privilege(c.oid, 'INSERT'))
            """
        ).map { QualifiedName(schema: try $0.text("nspname"), name: try $0.text("relname")) }
    }
}

extension Session {
    /// Returns the statements that copy the source database's own settings to the target database.
    func databaseSettings(on target: Connection) throws -> [SQL] {
        try DatabaseSettingsPlan(
            source: source.settings,
            target: DatabaseSettings(of: target),
            name: DatabaseIdentity(of: target).databaseName,
            scope: scope
        ).statements
    }
}
