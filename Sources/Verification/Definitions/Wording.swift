package import Catalog
package import Postgres

/// Replaces texts of the source's indexes and constraints by the target's texts that mean the same.
///
/// Servers print what they have parsed, and each major version prints it differently. A partial index over
/// `IN ('a', 'b')` is printed differently once it was restored. A comparison of texts alone would find such objects
/// different and rebuild them every time.
package struct Wording {
    private let reparsing: Reparsing

    /// - Parameter connection: The target, without an open transaction.
    package init(_ connection: Connection) {
        reparsing = Reparsing(connection)
    }

    private struct ConstraintName: Hashable {
        let table: QualifiedName
        let name: ServerText
        let kind: Constraint.Kind

        init(_ constraint: Constraint) {
            table = constraint.tableQualifiedName
            name = constraint.name
            kind = constraint.kind
        }
    }

    /// Returns the source's catalog with the target's texts where these mean the same.
    ///
    /// - Parameters:
    ///   - source: The source's catalog.
    ///   - target: The target's catalog.
    /// - Returns: The source's catalog; objects that differ in more than the text are unchanged.
    /// - Throws: ``PostgresError`` if the connection is lost.
    package func source(_ source: DatabaseCatalog, inWordsOf target: DatabaseCatalog) throws -> DatabaseCatalog {
        let indexes = Dictionary(keepingFirst: target.indexes.map { ($0.qualifiedName, $0) })
        let constraints = Dictionary(keepingFirst: target.constraints.map { (ConstraintName($0), $0) })
        return try source.worded(
            as: source.indexes.map { index in
                try indexes[index.qualifiedName].map { try worded(index, as: $0) } ?? index
            },
            source.constraints.map { constraint in
                try constraints[ConstraintName(constraint)].map { try worded(constraint, as: $0) } ?? constraint
            }
        )
    }

    private func worded(_ index: Index, as other: Index) throws -> Index {
        guard index.tableQualifiedName == other.tableQualifiedName,
            index.definition != other.definition || index.constraintDefinition != other.constraintDefinition
        else { return index }
        let isSame = try meansTheSame(index.definition, other.definition, kind: "index", on: index)
        guard isSame else { return index }
        guard let ours = index.constraintDefinition, let theirs = other.constraintDefinition,
            try meansTheSame(ours, theirs, kind: "constraint", on: index)
        else { return index.worded(as: other.definition, constraint: index.constraintDefinition) }
        return index.worded(as: other.definition, constraint: theirs)
    }

    private func worded(_ constraint: Constraint, as other: Constraint) throws -> Constraint {
        // A foreign key contains no expression.
        guard constraint.kind == .check, constraint.demand != other.demand,
            try meansTheSame(
                constraint.demand,
                other.demand,
                kind: "constraint",
                name: constraint.name,
                of: constraint.tableQualifiedName
            )
        else { return constraint }
        let suffix: ServerText = constraint.demand == constraint.definition ? "" : " NOT VALID"
        return constraint.worded(as: other.demand + suffix)
    }

    private func meansTheSame(
        _ ours: ServerText,
        _ theirs: ServerText,
        kind: String,
        on index: Index
    ) throws -> Bool {
        try meansTheSame(ours, theirs, kind: kind, name: index.name, of: index.tableQualifiedName)
    }

    private func meansTheSame(
        _ ours: ServerText,
        _ theirs: ServerText,
        kind: String,
        name: ServerText,
        of table: QualifiedName
    ) throws -> Bool {
        if ours == theirs { return true }
        let doubt = ObjectComparison.Doubt(
            kind: kind,
            object: name,
            attribute: "definition",
            table: table,
            source: ours,
            target: theirs
        )
        return try !reparsing.agreeing([doubt]).isEmpty
    }
}
