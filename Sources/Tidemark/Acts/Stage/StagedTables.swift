import Catalog
import Planning
import Postgres

/// The tables of which a stage moves some rows into a target that is in use: what must hold before the first row is copied.
///
/// The target's constraints stay on, and nothing but rows is written there. Rows are written as a replica writes them, because
/// tables are filled side by side and a row may come before the one it refers to; the proof looks for such rows afterwards.
struct StagedTables {
    private let tables: [TablePlan]
    private let source: DatabaseCatalog
    private let target: DatabaseCatalog

    /// - Parameters:
    ///   - plan: How the tables are treated.
    ///   - source: What the source contains.
    ///   - target: What the target contains.
    init(_ plan: Plan, source: DatabaseCatalog, target: DatabaseCatalog) {
        tables = plan.tables.filter(\.treatment.copiesRows)
        self.source = source
        self.target = target
    }

    /// Refuses what a stage cannot do, and changes nothing.
    ///
    /// - Parameters:
    ///   - connection: A connection to the target.
    ///   - actsAsReplica: Whether the target's role may write rows as a replica does.
    /// - Throws: ``PlanError`` with everything that is in the way, ``PostgresError``.
    func refuseUnfit(on connection: Connection, actsAsReplica: Bool) throws {
        guard !tables.isEmpty else {
            throw PlanError(
                .usage,
                "no table has a condition on its rows, and a stage moves only rows that satisfy one",
                hint: "give conditions in tidemark.yaml: tables: {public.orders: {where: tenant_id = 7}}"
            )
        }
        var obstacles = tables.flatMap(definitionObstacles)
        if !actsAsReplica {
            obstacles.append(
                "the target's role may not set session_replication_role, and the foreign keys and triggers there stay on: "
                    + "GRANT SET ON PARAMETER session_replication_role TO it, or connect as a superuser"
            )
        }
        if obstacles.isEmpty { obstacles += try actingObjects(on: connection) + rightObstacles(on: connection) }
        if obstacles.isEmpty { obstacles += try heldRows(on: connection) }
        guard obstacles.isEmpty else {
            throw PlanError(
                .refused,
                "this stage cannot be moved into the target:\n    " + obstacles.prefix(20).joined(separator: "\n    "),
                hint: "nothing was written"
            )
        }
    }

    /// Refuses tables whose columns have changed on either side.
    ///
    /// - Parameter columns: The columns of the tables when the stage began, as a digest.
    /// - Throws: ``PlanError``.
    func refuseChanged(since columns: [QualifiedName: String]) throws {
        let changed = tables.filter { table in
            source.table(table.name)?.columnsDigest != columns[table.name] || !definitionObstacles(table).isEmpty
        }
        guard changed.isEmpty else {
            throw PlanError(
                .refused,
                "tables of this stage have changed since it began: "
                    + changed.prefix(10).map(\.name.description).joined(separator: ", "),
                hint: "undo the change, then run the same command again; nothing was written"
            )
        }
    }

    private func definitionObstacles(_ table: TablePlan) -> [String] {
        guard let ours = source.table(table.name) else { return ["\(table.name) does not exist on the source"] }
        guard let theirs = target.table(table.name) else { return ["\(table.name) does not exist on the target"] }
        func types(_ table: Table) -> [ServerText: ServerText] {
            Dictionary(keepingFirst: table.columns.map { ($0.name, $0.type) })
        }
        var obstacles: [String] = []
        if ours.kind != theirs.kind { obstacles.append("\(table.name) is another kind of table on the target") }
        if types(ours) != types(theirs) { obstacles.append("the columns of \(table.name) differ on the two sides") }
        if theirs.persistence == .unlogged {
            obstacles.append("\(table.name) is unlogged on the target: a crash would empty it without a sign")
        }
        if table.hasOtherUniqueKeys, table.wantedChunks > 1, !BlockRange.canCut(ours, on: source.identity) {
            obstacles.append(
                "\(table.name) has several unique keys: a stage of it needs PostgreSQL 14 or newer on the source, and a table that is "
                    + "not copied through a partitioned one"
            )
        }
        if let key = table.key, !isUnique(key, in: theirs) {
            let columns = key.parts.map { Identifier($0.name).description }.joined(separator: ", ")
            obstacles.append("\(table.name) has no unique index over (\(columns)) on the target")
        }
        return obstacles
    }

    private func isUnique(_ key: Key, in table: Table) -> Bool {
        target.indexes.contains { index in
            index.tableQualifiedName == table.qualifiedName && index.isUnique && !index.isPartial
                && !index.hasExpressions && (index.isUsable || index.isPartitioned)
                && Set(index.keyColumns ?? []) == Set(key.parts.map(\.name))
        }
    }

    private var names: SQL {
        tables.map { "\(literal: $0.name.quoted)::pg_catalog.regclass" as SQL }.joined(separator: ", ")
    }

    /// Triggers and rules that act even on what a replica writes, also those of partitions.
    private func actingObjects(on connection: Connection) throws -> [String] {
        try connection.query(
            """
            WITH staged AS (
                SELECT p.relid FROM pg_catalog.unnest(ARRAY[\(names)]) AS t(oid)
                CROSS JOIN LATERAL pg_catalog.pg_partition_tree(t.oid) AS p
                UNION SELECT t.oid FROM pg_catalog.unnest(ARRAY[\(names)]) AS t(oid))
            SELECT 'trigger ' || pg_catalog.quote_ident(g.tgname) || ' on ' || g.tgrelid::pg_catalog.regclass::text AS name
            FROM pg_catalog.pg_trigger g JOIN staged s ON s.relid = g.tgrelid
            WHERE NOT g.tgisinternal AND g.tgenabled IN ('A', 'R')
            UNION ALL
            SELECT 'rule ' || pg_catalog.quote_ident(r.rulename) || ' on ' || r.ev_class::pg_catalog.regclass::text
            FROM pg_catalog.pg_rewrite r JOIN staged s ON s.relid = r.ev_class
            WHERE r.ev_enabled IN ('A', 'R')
            ORDER BY 1
            """
        ).map { "\(try $0.text("name").visible) acts on the target even on what a replica writes" }
    }

    private func rightObstacles(on connection: Connection) throws -> [String] {
        try connection.query(
            """
            SELECT t.oid::pg_catalog.regclass::text AS name, pg_catalog.row_security_active(t.oid) AS is_hidden
            FROM pg_catalog.unnest(ARRAY[\(names)]) AS t(oid)
            WHERE pg_catalog.row_security_active(t.oid)
               OR NOT (pg_catalog.has_table_privilege(t.oid, 'SELECT') AND pg_catalog.has_table_privilege(t.oid, 'INSERT')
                       AND pg_catalog.has_table_privilege(t.oid, 'DELETE'))
            ORDER BY 1
            """
        ).map { row in
            let name = try row.text("name").visible
            return try row.boolean("is_hidden")
                ? "row-level security hides rows of \(name) from the target's role"
                : "the target's role needs SELECT, INSERT and DELETE on \(name)"
        }
    }

    /// The tables that already have rows of this stage.
    private func heldRows(on connection: Connection) throws -> [String] {
        try tables.compactMap { table in
            guard let filter = table.filter else { return nil }
            let row = try connection.queryOne(
                "SELECT EXISTS (SELECT FROM \(table.rows) WHERE (\(SQL(trusted: filter)))) AS is_held"
            )
            return try row.boolean("is_held")
                ? "\(table.name) already has rows that satisfy the condition of this stage (\(filter)): each row belongs to one stage"
                : nil
        }
    }
}
