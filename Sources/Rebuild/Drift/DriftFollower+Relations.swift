import Catalog
import Ledger
import Planning
import Postgres

/// Views, partitions, tables and sequences that are dropped or renamed.
extension DriftFollower {
    // MARK: Drops

    /// Drops views that were dropped or changed on the source, because they depend on columns.
    ///
    /// - Returns: False if something unchanged depends on them: then they stay, and the proof reports them.
    func dropViews(_ outcome: inout Outcome) throws -> Bool {
        let views = (changes.gone + changes.changed.compactMap(changes.earlier)).filter(\.isView)
        guard !views.isEmpty else { return true }
        do {
            try attempt {
                for kind in Set(views.map(\.kind)).sorted() {
                    let names = try views.filter { try $0.kind == kind && isThere($0.qualifiedName) }.map {
                        "\($0.qualifiedName)" as SQL
                    }
                    guard !names.isEmpty else { continue }
                    try connection.execute("DROP \(SQL(trusted: kind)) \(names.joined(separator: ", "))")
                }
            }
            return true
        } catch let error as PostgresError where error.sqlState == "2BP01" {
            outcome.left += changes.gone.filter(\.isView)
            return false
        }
    }

    func isThere(_ name: QualifiedName) throws -> Bool { try connection.isThere(name) }

    func attempt(_ body: () throws -> Void) throws {
        try connection.execute("SAVEPOINT attempt")
        do {
            try body()
            try connection.execute("RELEASE SAVEPOINT attempt")
        } catch {
            try connection.execute("ROLLBACK TO SAVEPOINT attempt")
            throw error
        }
    }

    func detach(_ before: [QualifiedName: Table]) throws {
        let byOid = Dictionary(keepingFirst: before.values.map { ($0.oid, $0) })
        for change in followed {
            let earlier = change.relation.definition
            guard
                earlier.parentOid != change.later.parentOid || earlier.partitionBound != change.later.partitionBound,
                let there = before[change.relation.name], let parent = there.parentOid.flatMap({ byOid[$0] })
            else { continue }
            try connection.execute("ALTER TABLE \(parent.qualifiedName) DETACH PARTITION \(there.qualifiedName)")
        }
        try detachUnlisted(before, byOid)
    }

    /// Detaches partitions of a table that is copied through its root; the ledger does not list them, so names decide.
    ///
    /// The whole tree is copied again when they change, so dropping one loses nothing.
    private func detachUnlisted(_ before: [QualifiedName: Table], _ byOid: [UInt32: Table]) throws {
        let listed = Set(relations.map(\.name))
        let names = Dictionary(
            uniqueKeysWithValues: followed.filter(\.isRenamed).map { ($0.relation.name, $0.later.qualifiedName) }
        )
        for there in before.values.sorted(by: { $0.qualifiedName < $1.qualifiedName })
        where !listed.contains(there.qualifiedName) {
            guard let parent = there.parentOid.flatMap({ byOid[$0] }) else { continue }
            let ours = source.table(there.qualifiedName)
            let parentNow = names[parent.qualifiedName] ?? parent.qualifiedName
            let isSame =
                ours.map { table in
                    source.partitions.parent(of: table)?.qualifiedName == parentNow
                        && table.partitionBound == there.partitionBound
                } ?? false
            guard !isSame else { continue }
            try connection.execute("ALTER TABLE \(parent.qualifiedName) DETACH PARTITION \(there.qualifiedName)")
            try refuseOthers(in: there)
            // One that still exists on the source, as a separate table, is copied like a new table.
            let end: SQL = ours == nil ? "DROP TABLE" : "TRUNCATE TABLE"
            try connection.execute("\(end) \(there.qualifiedName)")
        }
    }

    func dropGoneTables(_ before: [QualifiedName: Table], _ outcome: inout Outcome) throws {
        let gone = drift.gone.filter { $0.treatment.isOnTarget && before[$0.name] != nil }
        if !gone.isEmpty {
            for relation in gone { try before[relation.name].map(refuseOthers) }
            let names = gone.map { "\($0.name)" as SQL }.joined(separator: ", ")
            try connection.execute("DROP TABLE \(names)")
        }
        for entry in changes.gone where entry.kind == "SEQUENCE" {
            // It was dropped with its table or column, or is dropped here; if something still uses it, it stays and is
            // reported.
            guard try isThere(entry.qualifiedName) else { continue }
            do {
                try dropReplacedDefaults(using: entry.qualifiedName)
                try attempt { try connection.execute("DROP SEQUENCE \(entry.qualifiedName)") }
            } catch let error as PostgresError where error.sqlState == "2BP01" {
                outcome.left.append(entry)
            }
        }
        for relation in drift.gone {
            try ledger.remove(relation)
            outcome.notes.append("\(relation.name) no longer exists on the source: dropped")
        }
    }

    /// Drops the defaults of columns that take their values from something else on the source now.
    ///
    /// A sequence may be followed by one of the same name: serial columns become identity columns.
    private func dropReplacedDefaults(using sequence: QualifiedName) throws {
        let users = try connection.query(
            """
            SELECT n.nspname, c.relname, a.attname, pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS expression
            FROM pg_catalog.pg_depend x
            JOIN pg_catalog.pg_attrdef d ON d.oid = x.objid
            JOIN pg_catalog.pg_class c ON c.oid = d.adrelid
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
            WHERE x.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
              AND x.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
              AND x.refobjid = \(literal: sequence.quoted)::pg_catalog.regclass
            """
        )
        for user in users {
            let name = QualifiedName(schema: try user.text("nspname"), name: try user.text("relname"))
            let followed = followed.first { $0.relation.name == name }?.later ?? source.table(name)
            guard let column = followed?.column(try user.text("attname")) else { continue }
            guard column.defaultExpression != (try user.text("expression")).quotedForAllServers else { continue }
            try connection.execute("ALTER TABLE \(name) ALTER COLUMN \(column.identifier) DROP DEFAULT")
        }
    }

    // MARK: Renames

    func renameTables(_ before: [QualifiedName: Table]) throws {
        let renamed = followed.filter { $0.isRenamed && before[$0.relation.name] != nil }
        for change in renamed {
            try connection.execute("ALTER TABLE \(change.relation.name) RENAME TO \(Self.between(change))")
        }
        for change in renamed {
            let (from, to) = (change.relation.name, change.later.qualifiedName)
            if from.schema != to.schema {
                let away = QualifiedName(schema: from.schema, name: Self.between(change).name)
                try connection.execute("ALTER TABLE \(away) SET SCHEMA \(Identifier(to.schema))")
            }
            let home = QualifiedName(schema: to.schema, name: Self.between(change).name)
            try connection.execute("ALTER TABLE \(home) RENAME TO \(Identifier(to.name))")
        }
        for entry in changes.changed where entry.kind == "SEQUENCE" {
            guard let earlier = changes.earlier(entry), earlier.name != entry.name, earlier.schema == entry.schema,
                try isThere(earlier.qualifiedName)
            else { continue }
            try connection.execute("ALTER SEQUENCE \(earlier.qualifiedName) RENAME TO \(Identifier(entry.name))")
        }
    }

    static func between(_ change: TableDrift.Change) -> Identifier {
        Identifier(ServerText("tidemark_renamed_\(change.relation.relationId)"))
    }
}
