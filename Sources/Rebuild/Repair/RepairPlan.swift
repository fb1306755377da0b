package import Catalog
import Ledger
package import Postgres

/// What to build, drop and validate on the target so that its keys, indexes and constraints match the source's.
///
/// Pure.
///
/// The target may be in use. A name alone proves nothing: an index of the right name that is invalid or defined
/// differently is dropped and rebuilt; one that only lacks its constraint gets it.
package struct RepairPlan {
    /// The repairs, in the order in which they can be done.
    package let repairs: [Repair]
    /// What is wrong but cannot be repaired this way, with the reason.
    package let refused: [String]

    /// - Parameters:
    ///   - source: What the source contains.
    ///   - target: What the target contains.
    ///   - excluded: Tables that are not copied.
    ///   - concurrently: Whether writers must never be blocked.
    package init(
        source: DatabaseCatalog,
        target: DatabaseCatalog,
        excluding excluded: Set<QualifiedName>,
        concurrently: Bool
    ) {
        var maker = Maker(source: source, target: target, excluded: excluded, concurrently: concurrently)
        maker.leftovers()
        for index in source.indexes where !index.isPartitioned && index.isUsable { maker.index(index) }
        for index in source.indexes where index.isPartitioned { maker.partitionedIndex(index) }
        for constraint in source.constraints { maker.constraint(constraint) }
        repairs = maker.repairs.sorted { ($0.stage, $1.bytes) < ($1.stage, $0.bytes) }
        refused = maker.refused
    }
}

/// Builds the plan, object by object.
private struct Maker {
    let source: DatabaseCatalog
    let target: DatabaseCatalog
    let excluded: Set<QualifiedName>
    let concurrently: Bool
    var repairs: [Repair] = []
    var refused: [String] = []
    private let present: [QualifiedName: Index]
    /// All relations with indexes or constraints; materialized views have indexes as well.
    private let relations: Set<QualifiedName>
    private let aside: SetAside

    init(source: DatabaseCatalog, target: DatabaseCatalog, excluded: Set<QualifiedName>, concurrently: Bool) {
        self.source = source
        self.target = target
        self.excluded = excluded
        self.concurrently = concurrently
        present = Dictionary(keepingFirst: target.indexes.map { ($0.qualifiedName, $0) })
        aside = SetAside(target: target)
        relations = Set(target.tables.map(\.qualifiedName) + target.materializedViews.map(\.qualifiedName))
    }

    // MARK: Leftovers

    /// Drops what an interrupted REINDEX left invalid, and what an earlier rebuild left under one of our names.
    mutating func leftovers() {
        let known = Set(source.indexes.map(\.qualifiedName))
        for index in target.indexes where !known.contains(index.qualifiedName) && !index.isPartitioned {
            let isOurs = aside.contains(index)
            let isOfReindex = !index.isUsable && (index.name.contains("_ccnew") || index.name.contains("_ccold"))
            guard isOurs || isOfReindex && index.constraintName == nil else { continue }
            if let name = index.constraintName {
                // Its successor takes its place in one statement.
                let hasSuccessor =
                    index.isPrimary
                    && source.indexes.contains { $0.isPrimary && $0.tableQualifiedName == index.tableQualifiedName }
                if !hasSuccessor { repairs.append(SetAside.removal(of: name, on: index.tableQualifiedName)) }
                continue
            }
            // After the stage of the indexes: an index put aside is still used until its successor exists.
            add(
                index,
                stage: .partitionedIndex,
                reason: isOurs ? "left over from an earlier rebuild" : "left over from an interrupted REINDEX",
                [drop(index)]
            )
        }
        for check in aside.checks where concerns(check.tableQualifiedName) {
            repairs.append(SetAside.removal(of: check.name, on: check.tableQualifiedName))
        }
    }

    // MARK: Indexes

    mutating func index(_ index: Index) {
        guard concerns(index.tableQualifiedName) else { return }
        let before = index.isPrimary ? aside.primaryKey(of: index.tableQualifiedName) : nil
        guard let there = present[index.qualifiedName] else {
            // If a relation other than an index has the name, the build fails.
            let steps = creation(of: index) + constraint(of: index, inPlaceOf: before)
            return add(index, stage: .index, reason: "missing", steps)
        }
        guard there.tableQualifiedName == index.tableQualifiedName else {
            refused.append(
                "\(index.qualifiedName) is an index of another table, \(there.tableQualifiedName), on the target"
            )
            return
        }
        if there.definition == index.definition, there.isUsable {
            guard !there.hasSameConstraint(as: index) else {
                return add(index, stage: .index, reason: "without some of its settings", lostMarks(of: index, there))
            }
            guard there.constraintName == nil else {
                return replace(index, there, reason: "defined with a different constraint")
            }
            return add(index, stage: .index, reason: "without its constraint", constraint(of: index, inPlaceOf: before))
        }
        if !there.isUsable {
            guard there.constraintName == nil else { return replace(index, there, reason: "invalid") }
            return add(
                index,
                stage: .index,
                reason: "invalid",
                [drop(there)] + creation(of: index) + constraint(of: index, inPlaceOf: before)
            )
        }
        replace(index, there, reason: "defined differently")
    }

    /// Replaces an index; the old one is used and enforced until the new one is.
    private mutating func replace(_ index: Index, _ there: Index, reason: String) {
        let aside = SetAside.name(String(there.oid))
        let old = QualifiedName(schema: there.schema, name: aside.name)
        guard let constraintName = there.constraintName else {
            let rename: SQL = "ALTER INDEX \(there.qualifiedName) RENAME TO \(aside)"
            let dropOld: SQL = concurrently ? "DROP INDEX CONCURRENTLY \(old)" : "DROP INDEX \(old)"
            return add(
                index,
                stage: .index,
                reason: reason,
                [.init(statement: rename, manner: .brief)] + creation(of: index)
                    + constraint(of: index) + [.init(statement: dropOld, manner: concurrently ? .concurrent : .brief)]
            )
        }
        let rename: SQL =
            "ALTER TABLE \(there.tableQualifiedName) RENAME CONSTRAINT \(Identifier(constraintName)) TO \(aside)"
        add(
            index,
            stage: .index,
            reason: reason,
            [.init(statement: rename, manner: .brief)] + creation(of: index) + constraint(of: index, inPlaceOf: aside)
        )
    }

    private func creation(of index: Index) -> [Repair.Step] {
        guard !index.isExclusion else { return [] }
        guard concurrently else {
            return [.init(statement: SQL(trusted: index.definition), manner: .blocking, tablespace: index.tablespace)]
        }
        // The server prints definitions in a fixed form.
        let unique: ServerText = "CREATE UNIQUE INDEX "
        let isUnique = index.definition.begins(with: unique)
        let beginning = isUnique ? unique : "CREATE INDEX "
        let rest = SQL(trusted: index.definition.dropFirst(beginning.utf8.count))
        let creation: SQL = "\(SQL(trusted: beginning))CONCURRENTLY \(rest)"
        return [.init(statement: creation, manner: .concurrent, tablespace: index.tablespace)]
    }

    /// Returns the steps for settings that the target's index lacks: CLUSTER ON, REPLICA IDENTITY, statistics targets,
    /// DEPENDS ON EXTENSION.
    private func lostMarks(of index: Index, _ there: Index) -> [Repair.Step] {
        let has = Set(RebuildPlan.properties(of: there).map(\.text))
        return RebuildPlan.properties(of: index).filter { !has.contains($0.text) }.map {
            Repair.Step(statement: $0, manner: .brief)
        }
    }

    private func constraint(of index: Index, inPlaceOf old: Identifier? = nil) -> [Repair.Step] {
        let marks = RebuildPlan.properties(of: index).map { Repair.Step(statement: $0, manner: .brief) }
        let alter: SQL = "ALTER TABLE \(index.tableQualifiedName)"
        let drop = old.map { "DROP CONSTRAINT \($0)" as SQL }
        guard let name = index.constraintName, let definition = index.constraintDefinition else {
            return (drop.map { [.init(statement: "\(alter) \($0)", manner: .brief)] } ?? []) + marks
        }
        // Dropped and added in one statement, so that there is always a constraint.
        let addition: SQL = "\(alter) \(drop.map { "\($0), " } ?? "")ADD CONSTRAINT \(Identifier(name))"
        if index.isExclusion {
            let statement: SQL = "\(addition) \(SQL(trusted: definition))"
            return [.init(statement: statement, manner: .blocking, tablespace: index.tablespace)] + marks
        }
        let kind: SQL = index.isPrimary ? "PRIMARY KEY" : "UNIQUE"
        let deferral: SQL =
            index.isDeferrable ? (index.isDeferred ? " DEFERRABLE INITIALLY DEFERRED" : " DEFERRABLE") : ""
        return notNull(for: index)
            + [
                .init(
                    statement: "\(addition) \(kind) USING INDEX \(Identifier(index.name))\(deferral)",
                    manner: .brief
                )
            ] + marks
    }

    /// Returns steps that set a primary key's columns NOT NULL.
    ///
    /// Otherwise adding the key would read the whole table under the strongest lock; a validated check avoids that
    /// (PostgreSQL manual, ALTER TABLE, SET NOT NULL).
    private func notNull(for index: Index) -> [Repair.Step] {
        guard index.isPrimary, let table = target.table(index.tableQualifiedName) else { return [] }
        return (index.keyColumns ?? []).compactMap { $0.flatMap(table.column) }.filter { !$0.isNotNull }.flatMap {
            column -> [Repair.Step] in
            let alter: SQL = "ALTER TABLE \(table.qualifiedName)"
            let check = SetAside.name(of: table, column)
            return [
                .init(statement: "\(alter) DROP CONSTRAINT IF EXISTS \(check)", manner: .brief),
                .init(
                    statement: "\(alter) ADD CONSTRAINT \(check) CHECK (\(column.identifier) IS NOT NULL) NOT VALID",
                    manner: .brief
                ),
                .init(statement: "\(alter) VALIDATE CONSTRAINT \(check)", manner: .scan),
                .init(statement: "\(alter) ALTER COLUMN \(column.identifier) SET NOT NULL", manner: .brief),
                .init(statement: "\(alter) DROP CONSTRAINT \(check)", manner: .brief),
            ]
        }
    }

    private func drop(_ index: Index) -> Repair.Step {
        concurrently
            ? .init(statement: "DROP INDEX CONCURRENTLY \(index.qualifiedName)", manner: .concurrent)
            : .init(statement: "DROP INDEX \(index.qualifiedName)", manner: .brief)
    }

    /// Creates the index on the parent only, which is quick, and attaches the partitions' indexes built before.
    mutating func partitionedIndex(_ index: Index) {
        guard concerns(index.tableQualifiedName) else { return }
        let there = present[index.qualifiedName]
        var steps: [Repair.Step] = []
        if let there {
            guard there.definition == index.definition, there.constraintDefinition == index.constraintDefinition else {
                refused.append(
                    "\(index.qualifiedName) on \(index.tableQualifiedName) is defined differently on the target; "
                        + "dropping it also drops its partitions' indexes: do that by hand, then run rebuild again"
                )
                return
            }
        } else if let name = index.constraintName, let definition = index.constraintDefinition {
            let addition: SQL = "ALTER TABLE ONLY \(index.tableQualifiedName) ADD CONSTRAINT \(Identifier(name))"
            steps.append(
                .init(
                    statement: "\(addition) \(SQL(trusted: definition))",
                    manner: .brief,
                    tablespace: index.tablespace
                )
            )
        } else {
            steps.append(
                .init(statement: SQL(trusted: index.definition), manner: .brief, tablespace: index.tablespace)
            )
        }
        let attached = Set(target.indexes.filter { $0.parentOid == there?.oid && there != nil }.map(\.qualifiedName))
        for child in source.indexes where child.parentOid == index.oid && !attached.contains(child.qualifiedName) {
            steps.append(
                .init(
                    statement: "ALTER INDEX \(index.qualifiedName) ATTACH PARTITION \(child.qualifiedName)",
                    manner: .brief
                )
            )
        }
        guard !steps.isEmpty else { return }
        add(
            index,
            stage: .partitionedIndex,
            reason: there == nil ? "missing" : "not attached to all of its partitions' indexes",
            steps
        )
    }

    // MARK: Foreign keys and checks

    mutating func constraint(_ constraint: Constraint) {
        guard [.foreignKey, .check].contains(constraint.kind), constraint.parentOid == nil,
            constraint.kind == .foreignKey || constraint.isLocal, concerns(constraint.tableQualifiedName),
            constraint.referenced.map(concerns) ?? true
        else { return }
        let isMissing = counterpart(of: constraint) == nil
        let steps = steps(for: constraint)
        guard !steps.isEmpty else { return }
        let (table, name) = (constraint.tableQualifiedName, Identifier(constraint.name).quoted)
        repairs.append(
            Repair(
                stage: constraint.kind == .check ? .rowConstraint : .foreignKey,
                table: table,
                object: "\(constraint.kind.name) \(name) on \(table)",
                reason: isMissing ? "missing" : "not validated",
                steps: steps,
                bytes: 0,
                constraints: family(of: constraint).map { .init(table: $0.tableQualifiedName, name: $0.name) },
                uniqueColumns: []
            )
        )
    }

    /// Returns a foreign key together with those of its table's partitions.
    private func family(of constraint: Constraint) -> [Constraint] {
        guard constraint.kind == .foreignKey else { return [] }
        let children = source.constraints.filter {
            $0.parentOid == constraint.oid && $0.tableOid != constraint.tableOid
        }
        return [constraint] + children.flatMap(family(of:))
    }

    private func counterpart(of constraint: Constraint) -> Constraint? {
        target.constraints.first {
            $0.kind == constraint.kind && $0.name == constraint.name
                && $0.tableQualifiedName == constraint.tableQualifiedName
        }
    }

    /// Returns the steps that add a constraint as NOT VALID and then validate it.
    ///
    /// A partitioned table does not accept a foreign key that is NOT VALID: its partitions get theirs first, and the
    /// parent's takes them over without reading the rows again.
    private mutating func steps(for constraint: Constraint) -> [Repair.Step] {
        let table = constraint.tableQualifiedName
        let alter: SQL = "ALTER TABLE \(table)"
        let name = Identifier(constraint.name)
        let plain = constraint.demand
        let isPartitioned = constraint.tableKind == .partitioned && constraint.kind == .foreignKey
        var steps: [Repair.Step] = []
        if let there = counterpart(of: constraint) {
            guard there.demand == plain else {
                refused.append(
                    "constraint \(name.quoted) of \(table) is defined differently on the target: \(there.definition.visible)"
                )
                return []
            }
            guard constraint.isValidated, !there.isValidated else { return [] }
        } else {
            if isPartitioned {
                let refusedBefore = refused.count
                for child in source.constraints
                where child.parentOid == constraint.oid && child.tableOid != constraint.tableOid {
                    steps += self.steps(for: child)
                }
                // If a partition's is defined differently, the parent's would create a second one next to it.
                guard refused.count == refusedBefore else { return [] }
            }
            let suffix: SQL = isPartitioned ? "" : " NOT VALID"
            steps.append(
                .init(
                    statement: "\(alter) ADD CONSTRAINT \(name) \(SQL(trusted: plain))\(suffix)",
                    manner: .brief
                )
            )
            if isPartitioned { return steps }
        }
        if constraint.isValidated {
            steps.append(.init(statement: "\(alter) VALIDATE CONSTRAINT \(name)", manner: .scan))
        }
        return steps
    }

    // MARK: Parts

    private func concerns(_ table: QualifiedName) -> Bool { !excluded.contains(table) && relations.contains(table) }

    private mutating func add(_ index: Index, stage: RebuildStage, reason: String, _ steps: [Repair.Step]) {
        let object = "\(index.objectKind) \(index.qualifiedName) on \(index.tableQualifiedName)"
        if concurrently, let step = steps.first(where: { $0.manner == .blocking }) {
            refused.append(
                "\(object) is \(reason) and can only be built with writers blocked: \(step.statement.text.visible)"
            )
            return
        }
        guard !steps.isEmpty else { return }
        repairs.append(
            Repair(
                stage: stage,
                table: index.tableQualifiedName,
                object: object,
                reason: reason,
                steps: steps,
                bytes: index.bytes,
                uniqueColumns: index.isUnique ? (index.keyColumns ?? []).compactMap { $0 } : []
            )
        )
    }
}
