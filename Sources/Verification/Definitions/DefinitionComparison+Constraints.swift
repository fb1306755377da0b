import Catalog
import Planning
import Postgres

/// Compares foreign keys and check constraints; keys are compared with their indexes.
extension DefinitionComparison {
    private struct ConstraintName: Hashable, Comparable {
        let table: QualifiedName
        let name: ServerText

        static func < (left: Self, right: Self) -> Bool { (left.table, left.name) < (right.table, right.name) }
    }

    func compareConstraints(_ result: inout VerificationResult) {
        // Keys are compared with their indexes; a partition's inherited constraints exist exactly when the parent's do.
        func relevant(_ constraints: [Constraint]) -> [ConstraintName: Constraint] {
            let kept = constraints.filter { constraint in
                [.foreignKey, .check].contains(constraint.kind) && constraint.parentOid == nil
                    && scope.contains(constraint.tableQualifiedName)
                    && constraint.referenced.map(scope.contains) ?? true
            }
            return byName(kept) { ConstraintName(table: $0.tableQualifiedName, name: $0.name) }
        }
        let ours = relevant(source.constraints)
        let theirs = relevant(target.constraints)
        for kind in [Constraint.Kind.foreignKey, .check] {
            note(
                kind.name,
                source: ours.values.count { $0.kind == kind },
                target: theirs.values.count { $0.kind == kind },
                in: &result
            )
        }
        for (name, constraint) in ours.sorted(by: { $0.key < $1.key }) {
            compare(constraint, with: theirs[name], into: &result)
        }
        for (name, constraint) in theirs.sorted(by: { $0.key < $1.key }) where ours[name] == nil {
            result.findings.append(
                Finding(
                    constraint.kind.name,
                    object: describe(constraint),
                    problem: .extra,
                    severity: .hurts,
                    "the source has no such \(constraint.kind.name)",
                    target: constraint.definition,
                    repair: "ALTER TABLE \(name.table.quoted) DROP CONSTRAINT \(Identifier(name.name).quoted)"
                )
            )
        }
    }

    private func compare(_ ours: Constraint, with theirs: Constraint?, into result: inout VerificationResult) {
        guard let theirs else {
            result.findings.append(
                Finding(
                    ours.kind.name,
                    object: describe(ours),
                    problem: .missing,
                    severity: .stops,
                    "the \(ours.kind.name) is missing on the target",
                    source: ours.definition,
                    repair:
                        "ALTER TABLE \(ours.tableQualifiedName.quoted) ADD CONSTRAINT \(Identifier(ours.name).quoted) "
                        + ours.definition.string
                )
            )
            return
        }
        func add(
            _ problem: Finding.Problem,
            _ message: String,
            source: any Reportable,
            target: any Reportable,
            severity: Finding.Severity = .stops,
            repair: String? = nil
        ) {
            result.findings.append(
                Finding(
                    ours.kind.name,
                    object: describe(ours),
                    problem: problem,
                    severity: severity,
                    message,
                    source: source,
                    target: target,
                    repair: repair
                )
            )
        }
        if ours.demand != theirs.demand {
            add("definition", "its definition differs", source: ours.definition, target: theirs.definition)
        }
        if ours.isValidated != theirs.isValidated {
            let repair =
                "ALTER TABLE \(ours.tableQualifiedName.quoted) VALIDATE CONSTRAINT \(Identifier(ours.name).quoted)"
            let isLeft = ours.kind == .foreignKey && ours.isValidated && scope.omits(.foreignKeyValidation)
            add(
                "validated",
                isLeft
                    ? "it is not validated yet, as requested. The source's is, and the rows are compared: equal rows satisfy it. To validate it on the open target: tidemark rebuild --concurrently"
                    : "it is \(theirs.isValidated ? "validated" : "not validated") on the target",
                source: String(ours.isValidated),
                target: String(theirs.isValidated),
                severity: isLeft ? .note : .stops,
                repair: ours.isValidated ? repair : nil
            )
        }
        if ours.isEnforced != theirs.isEnforced {
            // pg_dump does not write that triggers are disabled: the target then enforces what the source does not.
            add(
                "enforced",
                ours.isEnforced
                    ? "on the target, it is not enforced (NOT ENFORCED, or its triggers are disabled)"
                    : "on the source, it is not enforced (NOT ENFORCED, or its triggers are disabled)",
                source: String(ours.isEnforced),
                target: String(theirs.isEnforced),
                severity: ours.isEnforced ? .stops : .note
            )
        }
        let flags: [(String, Bool, Bool)] = [
            ("deferrable", ours.isDeferrable, theirs.isDeferrable),
            ("deferred", ours.isDeferred, theirs.isDeferred), ("NO INHERIT", ours.isNoInherit, theirs.isNoInherit),
        ]
        for (what, mine, its) in flags where mine != its {
            add(
                .attribute(ServerText(what)),
                "on the target, it is \(mine ? "not " : "")\(what)",
                source: String(mine),
                target: String(its)
            )
        }
    }

    /// Finds keys that are checked by a trigger, because they are deferrable, and whose trigger is disabled on the target.
    ///
    /// Their indexes look as if they were enforced.
    func compareEnforcedKeys(_ result: inout VerificationResult) {
        func keys(_ constraints: [Constraint]) -> [ConstraintName: Constraint] {
            let kept = constraints.filter {
                [.primaryKey, .unique, .exclusion].contains($0.kind) && scope.contains($0.tableQualifiedName)
            }
            return byName(kept) { ConstraintName(table: $0.tableQualifiedName, name: $0.name) }
        }
        let theirs = keys(target.constraints)
        for (name, key) in keys(source.constraints).sorted(by: { $0.key < $1.key })
        where key.isEnforced && theirs[name]?.isEnforced == false {
            result.findings.append(
                Finding(
                    key.kind.name,
                    object: "\(QualifiedName(schema: name.table.schema, name: name.name)) on \(name.table)",
                    problem: "not-enforced",
                    severity: .stops,
                    "it is deferrable, and the trigger that checks it is disabled: duplicates are accepted",
                    source: "enabled",
                    target: "disabled",
                    repair: "ALTER TABLE \(name.table.quoted) ENABLE TRIGGER ALL"
                )
            )
        }
    }

    private func describe(_ constraint: Constraint) -> String {
        "\(Identifier(constraint.name).quoted) on \(constraint.tableQualifiedName)"
    }
}
