package import Catalog
package import Ledger
package import Postgres

/// What has to be built after the rows, from the source's own definitions.
///
/// Pure.
///
/// Statements qualify all names and never use IF NOT EXISTS: if an invalid index, a different index or another kind of
/// relation already has the name, that must be an error, not a success.
package struct RebuildPlan {
    /// An index tuple's header, its line pointer and eight bytes of key (manual 73.6).
    private static let leastBytesOfEntry = 20

    private let source: DatabaseCatalog
    private let tables: [QualifiedName: Table]
    private let excluded: Set<QualifiedName>

    /// - Parameters:
    ///   - source: What the source contains.
    ///   - excluded: Tables that are not copied.
    package init(source: DatabaseCatalog, excluding excluded: Set<QualifiedName>) {
        self.source = source
        tables = Dictionary(keepingFirst: source.tables.map { ($0.qualifiedName, $0) })
        self.excluded = excluded
    }

    /// Returns everything to build; `keys` names, for each table, the index that identifies its rows.
    package func objects(keys: [QualifiedName: ServerText]) -> [NewObject] {
        let indexes = source.indexes.filter { !excluded.contains($0.tableQualifiedName) }
        // An index that is invalid on the source enforces nothing there; only a partitioned index may be invalid for a
        // good reason.
        let plain = indexes.filter { !$0.isPartitioned && $0.isUsable }
        let partitioned = indexes.filter(\.isPartitioned)
        return plain.map { object(for: $0, isKey: keys[$0.tableQualifiedName] == $0.name) }
            + partitioned.map { object(forPartitioned: $0, among: indexes) }
            + source.constraints.flatMap(objects(forForeignKey:))
    }

    // MARK: Indexes

    private func object(for index: Index, isKey: Bool) -> NewObject {
        NewObject(
            table: index.tableQualifiedName,
            stage: index.isOfMaterializedView ? .viewIndex : isKey ? .key : .index,
            kind: index.objectKind,
            name: index.name,
            statements: creation(of: index) + Self.properties(of: index),
            bytes: bytesToSort(for: index)
        )
    }

    /// Estimates the bytes to sort, so that the longest build starts first, not last and alone.
    ///
    /// A B-tree may be deduplicated (manual 67.4.3), but all its entries have to be sorted; and rows in another order
    /// than the index's take twice as long as rows in its order.
    private func bytesToSort(for index: Index) -> Int {
        guard index.accessMethod == "btree", let table = tables[index.tableQualifiedName] else { return index.bytes }
        let entries = index.isPartial ? 0 : table.estimatedRows * Self.leastBytesOfEntry
        let first = index.keyColumns?.first?.flatMap { table.column($0) }
        let disorder = 1 - abs(first?.correlation ?? 0)
        return Int(Double(max(index.bytes, entries)) * (1 + disorder))
    }

    /// Returns the statements for an index; a primary key or unique constraint takes over an index built before it.
    ///
    /// The build allows other builds on the same table, and the take-over is short. An exclusion constraint can only be
    /// built in one step.
    private func creation(of index: Index) -> [SQL] {
        let creation: SQL = "\(place(of: index))\(SQL(trusted: index.definition))"
        guard let name = index.constraintName, let definition = index.constraintDefinition else { return [creation] }
        let constraint = "ALTER TABLE ONLY \(index.tableQualifiedName) ADD CONSTRAINT \(Identifier(name))" as SQL
        guard !index.isExclusion else { return ["\(place(of: index))\(constraint) \(SQL(trusted: definition))"] }
        let kind: SQL = index.isPrimary ? "PRIMARY KEY" : "UNIQUE"
        let deferral: SQL =
            index.isDeferrable ? (index.isDeferred ? " DEFERRABLE INITIALLY DEFERRED" : " DEFERRABLE") : ""
        return [
            creation,
            "\(constraint) \(kind) USING INDEX \(Identifier(index.name))\(deferral)",
        ]
    }

    /// Creates the index of a partitioned table on the parent only, then attaches the partitions' indexes to it.
    ///
    /// It becomes valid once all are attached. Until then its constraint is in the catalog but enforces nothing.
    private func object(forPartitioned index: Index, among indexes: [Index]) -> NewObject {
        var statements: [SQL]
        if let name = index.constraintName, let definition = index.constraintDefinition {
            statements = [
                """
                \(place(of: index))ALTER TABLE ONLY \(index.tableQualifiedName) ADD CONSTRAINT \(Identifier(name)) \(SQL(trusted: definition))
                """
            ]
        } else {
            statements = ["\(place(of: index))\(SQL(trusted: index.definition))"]
        }
        for child in indexes where child.parentOid == index.oid {
            statements.append("ALTER INDEX \(index.qualifiedName)\(Self.attachment(child.qualifiedName))")
        }
        return NewObject(
            table: index.tableQualifiedName,
            stage: .partitionedIndex,
            kind: index.objectKind,
            name: index.name,
            statements: statements + Self.properties(of: index),
            // Objects with more bytes come first; so deeper indexes exist before their parents attach them.
            bytes: depth(of: index, among: indexes)
        )
    }

    static let attaching: ServerText = " ATTACH PARTITION "

    /// The end of the statement that attaches an index to that of the table whose partition its table is.
    static func attachment(_ child: QualifiedName) -> SQL { "\(SQL(trusted: attaching))\(child)" }

    /// Sets the tablespace, because the server does not print it in an index's definition.
    private func place(of index: Index) -> SQL {
        index.tablespace.map { "SET LOCAL default_tablespace = \(Identifier($0)); " } ?? ""
    }

    private func depth(of index: Index, among indexes: [Index]) -> Int {
        var depth = 0
        var current = index
        while let parent = indexes.first(where: { $0.oid == current.parentOid }) {
            depth += 1
            current = parent
        }
        return depth
    }

    static func properties(of index: Index) -> [SQL] {
        var statements: [SQL] = []
        if index.isClustered {
            statements.append("ALTER TABLE \(index.tableQualifiedName) CLUSTER ON \(Identifier(index.name))")
        }
        if index.isReplicaIdentity {
            statements.append(
                "ALTER TABLE ONLY \(index.tableQualifiedName) REPLICA IDENTITY USING INDEX \(Identifier(index.name))"
            )
        }
        for statistics in index.statisticsTargets ?? [] {
            statements.append(
                "ALTER INDEX \(index.qualifiedName) ALTER COLUMN \(statistics.column) SET STATISTICS \(statistics.target)"
            )
        }
        for name in index.dependentOnExtensions ?? [] {
            statements.append("ALTER INDEX \(index.qualifiedName) DEPENDS ON EXTENSION \(Identifier(name))")
        }
        return statements
    }

    // MARK: Foreign keys

    /// Adds a foreign key as NOT VALID, then validates it; validation takes no lock that blocks reads or writes.
    ///
    /// A partitioned table does not accept a foreign key that is NOT VALID. So its partitions get theirs first, and the
    /// parent's takes them over without reading the rows again (PostgreSQL manual, ALTER TABLE, ATTACH PARTITION).
    private func objects(forForeignKey constraint: Constraint) -> [NewObject] {
        guard constraint.kind == .foreignKey, !isOfReferencedPartition(constraint),
            !excluded.contains(constraint.tableQualifiedName), let referenced = constraint.referenced,
            !excluded.contains(referenced)
        else { return [] }
        let table = constraint.tableQualifiedName
        let isPartitioned = constraint.tableKind == .partitioned
        let definition = SQL(trusted: constraint.definition)
        // The definition of an unvalidated constraint already says NOT VALID.
        let suffix: SQL = isPartitioned || !constraint.isValidated ? "" : " NOT VALID"
        let addition = NewObject(
            table: table,
            stage: isPartitioned ? .partitionedForeignKey : .foreignKey,
            kind: "foreign key",
            name: constraint.name,
            statements: ["ALTER TABLE \(table) ADD CONSTRAINT \(Identifier(constraint.name)) \(definition)\(suffix)"],
            // Objects with more bytes come first; so deeper foreign keys exist before their parents take them over.
            bytes: isPartitioned ? depth(of: constraint) : 0
        )
        guard constraint.isValidated, !isPartitioned else { return [addition] }
        let validation = NewObject(
            table: table,
            stage: constraint.parentOid == nil ? .validation : .partitionValidation,
            kind: "foreign key validation",
            name: constraint.name,
            statements: ["ALTER TABLE \(table) VALIDATE CONSTRAINT \(Identifier(constraint.name))"],
            bytes: tables[table]?.tableBytes ?? 0
        )
        return [addition, validation]
    }

    /// Whether it is the catalog's extra row for a partition of the referenced table; such rows come and go with the
    /// foreign key itself.
    private func isOfReferencedPartition(_ constraint: Constraint) -> Bool {
        guard let parent = parent(of: constraint) else { return false }
        return parent.tableOid == constraint.tableOid
    }

    private func parent(of constraint: Constraint) -> Constraint? {
        constraint.parentOid.flatMap { oid in source.constraints.first { $0.oid == oid } }
    }

    private func depth(of constraint: Constraint) -> Int {
        var depth = 0
        var current = constraint
        while let parent = parent(of: current) {
            depth += 1
            current = parent
        }
        return depth
    }
}
