package import Catalog
package import Postgres

/// Compares tables, columns, keys, indexes and constraints of both catalogs, in both directions.
///
/// Pure.
///
/// Presence proves nothing: a primary key may be in the catalog and not be enforced. What is compared is the definition
/// together with every flag that decides over enforcement.
package struct DefinitionComparison {
    private let source: DatabaseCatalog
    private let target: DatabaseCatalog
    private let excluded: Set<QualifiedName>

    /// - Parameters:
    ///   - source: What the source contains.
    ///   - target: What the target contains.
    ///   - excluded: Tables that were not to be brought over.
    package init(source: DatabaseCatalog, target: DatabaseCatalog, excluding excluded: Set<QualifiedName>) {
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
        compareLargeObjects(&result)
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

    // MARK: Indexes, with the keys they enforce

    private func compareIndexes(_ result: inout VerificationResult) {
        // What is invalid on the source enforces nothing there and is not brought over.
        let ours = byName(
            source.indexes.filter { !excluded.contains($0.tableQualifiedName) && ($0.isUsable || $0.isPartitioned) },
            \.qualifiedName
        )
        let theirs = byName(target.indexes, \.qualifiedName)
        for kind in ["index", "primary key", "unique constraint", "exclusion constraint"] {
            note(
                kind,
                ours.values.count { self.kind($0) == kind },
                theirs.values.count { self.kind($0) == kind },
                &result
            )
        }
        for (name, index) in ours.sorted(by: { $0.key < $1.key }) {
            compare(index, theirs[name], &result)
        }
        for (name, index) in theirs.sorted(by: { $0.key < $1.key }) where ours[name] == nil {
            result.findings.append(
                Finding(
                    kind(index),
                    describe(index),
                    .hurts,
                    "the source has no such \(kind(index))",
                    target: index.definition,
                    repair: index.constraintName.map {
                        "ALTER TABLE \(index.tableQualifiedName.quoted) DROP CONSTRAINT \(Identifier($0).quoted)"
                    } ?? "DROP INDEX CONCURRENTLY \(name.quoted)"
                )
            )
        }
    }

    private func compare(_ ours: Index, _ theirs: Index?, _ result: inout VerificationResult) {
        guard let theirs else {
            result.findings.append(
                Finding(
                    kind(ours),
                    describe(ours),
                    ours.isUnique || ours.isExclusion ? .stops : .hurts,
                    "the \(kind(ours)) is missing on the target",
                    source: ours.constraintDefinition ?? ours.definition,
                    repair: repair(ours)
                )
            )
            return
        }
        let severity: Finding.Severity = ours.isUnique || ours.isExclusion ? .stops : .hurts
        func add(_ message: String, _ source: String?, _ target: String?) {
            result.findings.append(
                Finding(kind(ours), describe(ours), severity, message, source: source, target: target)
            )
        }
        // A partitioned index on the source may wait for its partitions for good reason.
        if ours.isUsable, !theirs.isUsable {
            add("it is in the catalog and not enforced (invalid, not ready or not live)", "valid", "invalid")
        }
        if ours.definition != theirs.definition { add("its definition differs", ours.definition, theirs.definition) }
        if ours.constraintType != theirs.constraintType || ours.constraintDefinition != theirs.constraintDefinition {
            add(
                "its constraint differs",
                ours.constraintDefinition ?? "no constraint",
                theirs.constraintDefinition ?? "no constraint"
            )
        }
        let flags: [(String, Bool, Bool)] = [
            ("unique", ours.isUnique, theirs.isUnique), ("primary", ours.isPrimary, theirs.isPrimary),
            ("exclusion", ours.isExclusion, theirs.isExclusion),
            ("checked at once", ours.isImmediate, theirs.isImmediate),
            ("deferrable", ours.isDeferrable, theirs.isDeferrable), ("deferred", ours.isDeferred, theirs.isDeferred),
            ("NULLS NOT DISTINCT", ours.isNullsNotDistinct, theirs.isNullsNotDistinct),
            ("clustered on", ours.isClustered, theirs.isClustered),
            ("the replica identity", ours.isReplicaIdentity, theirs.isReplicaIdentity),
            ("attached to a partitioned index", ours.parentOid != nil, theirs.parentOid != nil),
        ]
        for (what, mine, its) in flags where mine != its {
            add("it \(mine ? "should be" : "should not be") \(what)", String(mine), String(its))
        }
    }

    private func kind(_ index: Index) -> String {
        switch index.constraintType {
        case "p": "primary key"
        case "u": "unique constraint"
        case "x": "exclusion constraint"
        default: "index"
        }
    }

    private func describe(_ index: Index) -> String {
        "\(index.qualifiedName) on \(index.tableQualifiedName)"
    }

    private func repair(_ index: Index) -> String {
        guard let name = index.constraintName, let definition = index.constraintDefinition else {
            return index.definition
        }
        let only = index.isPartitioned ? "ONLY " : ""
        return
            "ALTER TABLE \(only)\(index.tableQualifiedName.quoted) ADD CONSTRAINT \(Identifier(name).quoted) \(definition)"
    }

    // MARK: Constraints

    private struct ConstraintName: Hashable, Comparable {
        let table: QualifiedName
        let name: String

        static func < (left: Self, right: Self) -> Bool { (left.table, left.name) < (right.table, right.name) }
    }

    private func compareConstraints(_ result: inout VerificationResult) {
        // Keys are compared with their indexes; what a partition inherits comes and goes with the parent's.
        func relevant(_ constraints: [Constraint]) -> [ConstraintName: Constraint] {
            let kept = constraints.filter { constraint in
                ["f", "c"].contains(constraint.kind) && constraint.parentOid == nil
                    && !excluded.contains(constraint.tableQualifiedName)
                    && !(constraint.referenced.map(excluded.contains) ?? false)
            }
            return byName(kept) { ConstraintName(table: $0.tableQualifiedName, name: $0.name) }
        }
        let ours = relevant(source.constraints)
        let theirs = relevant(target.constraints)
        for (letter, kind) in [("f", "foreign key"), ("c", "check constraint")] {
            note(kind, ours.values.count { $0.kind == letter }, theirs.values.count { $0.kind == letter }, &result)
        }
        for (name, constraint) in ours.sorted(by: { $0.key < $1.key }) {
            compare(constraint, theirs[name], &result)
        }
        for (name, constraint) in theirs.sorted(by: { $0.key < $1.key }) where ours[name] == nil {
            result.findings.append(
                Finding(
                    kind(constraint),
                    describe(constraint),
                    .hurts,
                    "the source has no such \(kind(constraint))",
                    target: constraint.definition,
                    repair: "ALTER TABLE \(name.table.quoted) DROP CONSTRAINT \(Identifier(name.name).quoted)"
                )
            )
        }
    }

    private func compare(_ ours: Constraint, _ theirs: Constraint?, _ result: inout VerificationResult) {
        guard let theirs else {
            result.findings.append(
                Finding(
                    kind(ours),
                    describe(ours),
                    .stops,
                    "the \(kind(ours)) is missing on the target",
                    source: ours.definition,
                    repair:
                        "ALTER TABLE \(ours.tableQualifiedName.quoted) ADD CONSTRAINT \(Identifier(ours.name).quoted) "
                        + ours.definition
                )
            )
            return
        }
        func add(_ message: String, _ source: String, _ target: String, repair: String? = nil) {
            result.findings.append(
                Finding(kind(ours), describe(ours), .stops, message, source: source, target: target, repair: repair)
            )
        }
        func plain(_ constraint: Constraint) -> String { constraint.definition.replacing(" NOT VALID", with: "") }
        if plain(ours) != plain(theirs) { add("its definition differs", ours.definition, theirs.definition) }
        if ours.isValidated != theirs.isValidated {
            let repair =
                "ALTER TABLE \(ours.tableQualifiedName.quoted) VALIDATE CONSTRAINT \(Identifier(ours.name).quoted)"
            add(
                "it is \(theirs.isValidated ? "validated" : "not validated") on the target",
                String(ours.isValidated),
                String(theirs.isValidated),
                repair: ours.isValidated ? repair : nil
            )
        }
        let flags: [(String, Bool, Bool)] = [
            ("enforced", ours.isEnforced, theirs.isEnforced), ("deferrable", ours.isDeferrable, theirs.isDeferrable),
            ("deferred", ours.isDeferred, theirs.isDeferred), ("NO INHERIT", ours.isNoInherit, theirs.isNoInherit),
        ]
        for (what, mine, its) in flags where mine != its {
            add("it \(mine ? "should be" : "should not be") \(what)", String(mine), String(its))
        }
    }

    private func kind(_ constraint: Constraint) -> String {
        constraint.kind == "f" ? "foreign key" : "check constraint"
    }

    private func describe(_ constraint: Constraint) -> String {
        "\(Identifier(constraint.name).quoted) on \(constraint.tableQualifiedName)"
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

    private func compareLargeObjects(_ result: inout VerificationResult) {
        note("large object", source.identity.largeObjects, target.identity.largeObjects, &result)
        guard source.identity.largeObjects != target.identity.largeObjects else { return }
        result.findings.append(
            Finding(
                "large object",
                "all",
                .stops,
                "large objects are not brought over by this version",
                source: "\(source.identity.largeObjects)",
                target: "\(target.identity.largeObjects)"
            )
        )
    }

    private func note(_ kind: String, _ source: Int, _ target: Int, _ result: inout VerificationResult) {
        result.examined.append(VerificationResult.Examined(kind: kind, source: source, target: target))
    }

    private func byName<Value, Name: Hashable>(_ values: [Value], _ name: (Value) -> Name) -> [Name: Value] {
        Dictionary(values.map { (name($0), $0) }, uniquingKeysWith: { first, _ in first })
    }
}
