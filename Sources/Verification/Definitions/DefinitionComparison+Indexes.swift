import Catalog
import Planning
import Postgres

/// Compares indexes, with the keys they enforce.
extension DefinitionComparison {
    func compareIndexes(_ result: inout VerificationResult) {
        // An index that is invalid on the source enforces nothing there and is not copied.
        let ours = byName(
            source.indexes.filter { scope.contains($0.tableQualifiedName) && ($0.isUsable || $0.isPartitioned) },
            \.qualifiedName
        )
        let theirs = byName(target.indexes.filter { scope.contains($0.tableQualifiedName) }, \.qualifiedName)
        for kind in ["index", "primary key", "unique constraint", "exclusion constraint"] {
            note(
                kind,
                source: ours.values.count { $0.objectKind == kind },
                target: theirs.values.count { $0.objectKind == kind },
                in: &result
            )
        }
        for (name, index) in ours.sorted(by: { $0.key < $1.key }) {
            compare(index, with: theirs[name], into: &result)
        }
        for (name, index) in theirs.sorted(by: { $0.key < $1.key }) where ours[name] == nil {
            result.findings.append(
                Finding(
                    index.objectKind,
                    object: describe(index),
                    problem: .extra,
                    severity: .hurts,
                    "the source has no such \(index.objectKind)",
                    target: index.definition,
                    repair: index.constraintName.map {
                        "ALTER TABLE \(index.tableQualifiedName.quoted) DROP CONSTRAINT \(Identifier($0).quoted)"
                    } ?? "DROP INDEX CONCURRENTLY \(name.quoted)"
                )
            )
        }
    }

    private func compare(_ ours: Index, with theirs: Index?, into result: inout VerificationResult) {
        guard let theirs else {
            result.findings.append(
                Finding(
                    ours.objectKind,
                    object: describe(ours),
                    problem: .missing,
                    severity: ours.isUnique || ours.isExclusion ? .stops : .hurts,
                    "the \(ours.objectKind) is missing on the target",
                    source: ours.constraintDefinition ?? ours.definition,
                    repair: repair(ours)
                )
            )
            return
        }
        let severity: Finding.Severity = ours.isUnique || ours.isExclusion ? .stops : .hurts
        func add(_ problem: Finding.Problem, _ message: String, source: any Reportable, target: any Reportable) {
            result.findings.append(
                Finding(
                    ours.objectKind,
                    object: describe(ours),
                    problem: problem,
                    severity: severity,
                    message,
                    source: source,
                    target: target
                )
            )
        }
        // A partitioned index on the source may be invalid because partitions lack theirs; that is no fault.
        if ours.isUsable, !theirs.isUsable {
            add(
                "not-enforced",
                "it is in the catalog but not enforced (invalid, not ready or not live)",
                source: "valid",
                target: "invalid"
            )
        }
        if ours.definition != theirs.definition {
            add("definition", "its definition differs", source: ours.definition, target: theirs.definition)
        }
        if ours.constraintType != theirs.constraintType || ours.constraintDefinition != theirs.constraintDefinition {
            add(
                "constraint",
                "its constraint differs",
                source: ours.constraintDefinition ?? "no constraint",
                target: theirs.constraintDefinition ?? "no constraint"
            )
        }
        let flags: [(String, Bool, Bool)] = [
            ("unique", ours.isUnique, theirs.isUnique), ("primary", ours.isPrimary, theirs.isPrimary),
            ("exclusion", ours.isExclusion, theirs.isExclusion),
            ("checked at once", ours.isImmediate, theirs.isImmediate),
            ("deferrable", ours.isDeferrable, theirs.isDeferrable), ("deferred", ours.isDeferred, theirs.isDeferred),
            ("NULLS NOT DISTINCT", ours.isNullsNotDistinct, theirs.isNullsNotDistinct),
            ("attached to a partitioned index", ours.parentOid != nil, theirs.parentOid != nil),
        ]
        for (what, mine, its) in flags where mine != its {
            add(
                .attribute(ServerText(what)),
                "on the target, it is \(mine ? "not " : "")\(what)",
                source: String(mine),
                target: String(its)
            )
        }
        // These affect neither rows nor INSERTs.
        let marks: [(String, Bool, Bool, String)] = [
            (
                "clustered on", ours.isClustered, theirs.isClustered,
                "ALTER TABLE \(ours.tableQualifiedName.quoted) CLUSTER ON \(Identifier(ours.name).quoted)"
            ),
            (
                "the replica identity", ours.isReplicaIdentity, theirs.isReplicaIdentity,
                "ALTER TABLE \(ours.tableQualifiedName.quoted) REPLICA IDENTITY USING INDEX \(Identifier(ours.name).quoted)"
            ),
        ]
        compareSettings(ours, with: theirs, into: &result)
        if ours.tablespace != theirs.tablespace {
            result.findings.append(
                Finding(
                    ours.objectKind,
                    object: describe(ours),
                    problem: "tablespace",
                    severity: .note,
                    "it is in another tablespace",
                    source: ours.tablespace ?? "the database's",
                    target: theirs.tablespace ?? "the database's"
                )
            )
        }
        for (what, mine, its, repair) in marks where mine != its {
            result.findings.append(
                Finding(
                    ours.objectKind,
                    object: describe(ours),
                    problem: .attribute(ServerText(what)),
                    severity: .hurts,
                    "on the target, it is \(mine ? "not " : "")\(what)",
                    source: String(mine),
                    target: String(its),
                    repair: mine ? repair : nil
                )
            )
        }
    }

    /// Compares what separate statements set on an index; these affect neither rows nor INSERTs either.
    private func compareSettings(_ ours: Index, with theirs: Index, into result: inout VerificationResult) {
        func targets(_ index: Index) -> String {
            (index.statisticsTargets ?? []).map { "column \($0.column): \($0.target)" }.joined(separator: ", ")
        }
        func extensions(_ index: Index) -> String {
            (index.dependentOnExtensions ?? []).map { Identifier($0).quoted }.joined(separator: ", ")
        }
        let name = ours.qualifiedName.quoted
        let settings: [(what: String, mine: String, its: String, repair: [String])] = [
            (
                "statistics targets", targets(ours), targets(theirs),
                (ours.statisticsTargets ?? []).map {
                    "ALTER INDEX \(name) ALTER COLUMN \($0.column) SET STATISTICS \($0.target)"
                }
            ),
            (
                "dependence on extensions", extensions(ours), extensions(theirs),
                (ours.dependentOnExtensions ?? []).map {
                    "ALTER INDEX \(name) DEPENDS ON EXTENSION \(Identifier($0).quoted)"
                }
            ),
        ]
        for setting in settings where setting.mine != setting.its {
            result.findings.append(
                Finding(
                    ours.objectKind,
                    object: describe(ours),
                    problem: .attribute(ServerText(setting.what)),
                    severity: .hurts,
                    "it differs in \(setting.what)",
                    source: setting.mine.isEmpty ? "none" : setting.mine,
                    target: setting.its.isEmpty ? "none" : setting.its,
                    repair: setting.repair.isEmpty ? nil : setting.repair.joined(separator: "; ")
                )
            )
        }
    }

    private func describe(_ index: Index) -> String {
        "\(index.qualifiedName) on \(index.tableQualifiedName)"
    }

    private func repair(_ index: Index) -> any Reportable {
        guard let name = index.constraintName, let definition = index.constraintDefinition else {
            return index.definition
        }
        let only = index.isPartitioned ? "ONLY " : ""
        return
            "ALTER TABLE \(only)\(index.tableQualifiedName.quoted) ADD CONSTRAINT \(Identifier(name).quoted) \(definition.string)"
    }
}
