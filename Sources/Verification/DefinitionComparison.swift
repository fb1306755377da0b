package import Catalog
package import Planning
package import Postgres

/// Compares tables, columns, keys, indexes and constraints of both catalogs, in both directions.
///
/// Pure.
///
/// Presence proves nothing: a primary key may be in the catalog and not be enforced. What is compared is the definition
/// together with every flag that decides over enforcement.
package struct DefinitionComparison {
    let source: DatabaseCatalog
    let target: DatabaseCatalog
    let excluded: Set<QualifiedName>
    let omissions: Set<Omission>

    /// - Parameters:
    ///   - source: What the source contains.
    ///   - target: What the target contains.
    ///   - excluded: Tables that were not to be brought over.
    ///   - omissions: What else was not.
    package init(
        source: DatabaseCatalog,
        target: DatabaseCatalog,
        excluding excluded: Set<QualifiedName>,
        omissions: Set<Omission>
    ) {
        self.omissions = omissions
        self.source = source
        self.target = target
        self.excluded = excluded
    }

    /// All classes, each with the numbers examined.
    package func result() -> VerificationResult {
        var result = VerificationResult(method: "catalog")
        compareTables(&result)
        compareIndexes(&result)
        compareConstraints(&result)
        compareMaterializedViews(&result)
        compareSettings(&result)
        return result
    }

    // MARK: Tables and columns

    private func compareTables(_ result: inout VerificationResult) {
        let ours = byName(source.tables.filter { !excluded.contains($0.qualifiedName) }, \.qualifiedName)
        let theirs = byName(target.tables, \.qualifiedName)
        note("table", ours.count, theirs.count, &result)
        note(
            "column",
            ours.values.reduce(0) { $0 + $1.columns.count },
            theirs.values.reduce(0) { $0 + $1.columns.count },
            &result
        )
        for (name, table) in ours.sorted(by: { $0.key < $1.key }) {
            guard let there = theirs[name] else {
                result.findings.append(Finding("table", name.description, .stops, "the table is missing on the target"))
                continue
            }
            if table.kind != there.kind || table.partitionBound != there.partitionBound {
                result.findings.append(
                    Finding(
                        "table",
                        name.description,
                        .stops,
                        "it is partitioned otherwise",
                        source: table.partitionBound ?? table.kind,
                        target: there.partitionBound ?? there.kind
                    )
                )
            }
            let parents = (
                source.partitions.parent(of: table)?.qualifiedName, target.partitions.parent(of: there)?.qualifiedName
            )
            if parents.0 != parents.1 {
                result.findings.append(
                    Finding(
                        "table",
                        name.description,
                        .stops,
                        "it is a partition of another table",
                        source: parents.0?.description ?? "of none",
                        target: parents.1?.description ?? "of none"
                    )
                )
            }
            if table.persistence != there.persistence {
                result.findings.append(
                    Finding(
                        "table",
                        name.description,
                        .stops,
                        "its persistence differs",
                        source: table.persistence,
                        target: there.persistence
                    )
                )
            }
            if table.inheritedTables != there.inheritedTables {
                result.findings.append(
                    Finding(
                        "table",
                        name.description,
                        .stops,
                        "it inherits from other tables",
                        source: table.inheritedTables.map(\.description).joined(separator: ", "),
                        target: there.inheritedTables.map(\.description).joined(separator: ", ")
                    )
                )
            }
            compareColumns(table, there, &result)
        }
        for name in theirs.keys.filter({ ours[$0] == nil }).sorted() {
            result.findings.append(Finding("table", name.description, .hurts, "the source has no such table"))
        }
    }

    private func compareColumns(_ ours: Table, _ theirs: Table, _ result: inout VerificationResult) {
        func add(_ column: String, _ message: String, _ source: String?, _ target: String?) {
            result.findings.append(
                Finding("column", "\(ours.qualifiedName).\(column)", .stops, message, source: source, target: target)
            )
        }
        for column in ours.columns {
            guard let there = theirs.column(column.name) else {
                add(column.name, "the column is missing on the target", column.type, nil)
                continue
            }
            let attributes: [(String, String, String)] = [
                ("type", column.type, there.type),
                ("NOT NULL", String(column.isNotNull), String(there.isNotNull)),
                ("default", column.defaultExpression ?? "none", there.defaultExpression ?? "none"),
                ("identity", column.identity, there.identity),
                ("generation", column.generated, there.generated),
                ("collation", column.collation ?? "none", there.collation ?? "none"),
            ]
            for (what, mine, its) in attributes where mine != its { add(column.name, "its \(what) differs", mine, its) }
        }
        for column in theirs.columns where ours.column(column.name) == nil {
            add(column.name, "the source has no such column", nil, column.type)
        }
    }

    // MARK: The rest

    private func compareMaterializedViews(_ result: inout VerificationResult) {
        let ours = byName(source.materializedViews, \.qualifiedName)
        let theirs = byName(target.materializedViews, \.qualifiedName)
        note("materialized view", ours.count, theirs.count, &result)
        for (name, view) in ours.sorted(by: { $0.key < $1.key }) {
            guard let there = theirs[name] else {
                result.findings.append(
                    Finding("materialized view", name.description, .stops, "it is missing on the target")
                )
                continue
            }
            guard view.isPopulated != there.isPopulated else { continue }
            result.findings.append(
                Finding(
                    "materialized view",
                    name.description,
                    .hurts,
                    view.isPopulated ? "it is not populated on the target" : "it is populated on the target",
                    repair: view.isPopulated ? "REFRESH MATERIALIZED VIEW \(name.quoted)" : nil
                )
            )
        }
    }

    func note(_ kind: String, _ source: Int, _ target: Int, _ result: inout VerificationResult) {
        result.examined.append(VerificationResult.Examined(kind: kind, source: source, target: target))
    }

    func byName<Value, Name: Hashable>(_ values: [Value], _ name: (Value) -> Name) -> [Name: Value] {
        Dictionary(values.map { (name($0), $0) }, uniquingKeysWith: { first, _ in first })
    }
}
