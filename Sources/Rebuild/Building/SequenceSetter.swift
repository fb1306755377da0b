package import Catalog
package import Postgres

/// Sets the target's sequences to the source's positions.
///
/// Sequences ignore snapshots (even an old snapshot shows the current value), so they are read last, when there are no
/// writers. The target's next value must be at or beyond the source's, and beyond every value in its columns.
package struct SequenceSetter {
    private static let batch = 200

    private let target: Connection

    /// - Parameter target: A connection to the target.
    package init(_ target: Connection) {
        self.target = target
    }

    /// Sets every sequence.
    ///
    /// - Parameters:
    ///   - sequences: The source's sequences.
    ///   - positions: Their positions on the source.
    /// - Returns: Notes for the operator on sequences set beyond the source's position, because their column contains
    ///   keys that were set by hand.
    /// - Throws: ``PostgresError``.
    package func set(
        _ sequences: [SequenceDefinition],
        to positions: [QualifiedName: SequencePosition]
    ) throws -> [String] {
        var advanced: [String] = []
        for sequence in sequences where try isOnTarget(sequence.qualifiedName) {
            guard let position = positions[sequence.qualifiedName] else { continue }
            let safe = try beyondColumns(of: sequence, position)
            if safe != position {
                advanced.append(
                    "sequence \(sequence.qualifiedName) continues after \(safe.lastValue) on the target, not after "
                        + "\(position.lastValue) as on the source: its column contains keys that were set by hand"
                )
            }
            try during("setting sequence \(sequence.qualifiedName)") {
                try target.execute(
                    """
                    SELECT pg_catalog.setval(\(value: sequence.qualifiedName.quoted)::pg_catalog.regclass,
                                             \(value: safe.lastValue), \(value: String(safe.isCalled)))
                    """
                )
            }
        }
        return advanced
    }

    /// Whether a sequence exists on the target; the verification reports one created after the definitions were copied.
    private func isOnTarget(_ name: QualifiedName) throws -> Bool {
        try target.queryOne("SELECT pg_catalog.to_regclass(\(value: name.quoted)) IS NOT NULL AS is_there")
            .boolean("is_there")
    }

    /// Reads the positions of sequences.
    ///
    /// - Parameters:
    ///   - names: The sequences.
    ///   - connection: A connection to their database.
    /// - Returns: Their positions.
    /// - Throws: ``PostgresError``.
    package static func positions(
        of names: [QualifiedName],
        on connection: Connection
    ) throws -> [QualifiedName: SequencePosition] {
        var positions: [QualifiedName: SequencePosition] = [:]
        var rest = names[...]
        while !rest.isEmpty {
            let part = Array(rest.prefix(batch))
            rest = rest.dropFirst(batch)
            let query = part.enumerated().map { index, name in
                "SELECT \(index) AS number, last_value, is_called FROM \(name)" as SQL
            }.joined(separator: " UNION ALL ")
            for row in try connection.query(query) {
                positions[part[try row.integer("number")]] = SequencePosition(
                    lastValue: try row.integer("last_value"),
                    isCalled: try row.boolean("is_called")
                )
            }
        }
        return positions
    }

    private func beyondColumns(of sequence: SequenceDefinition, _ position: SequencePosition) throws -> SequencePosition
    {
        let isRising = sequence.increment > 0
        var position = position
        for user in sequence.columns {
            let extreme: SQL = isRising ? "max" : "min"
            let row = try target.queryOne(
                """
                SELECT pg_catalog.trunc(\(extreme)(\(Identifier(user.column)))::numeric)::text AS extreme
                FROM \(user.tableName)
                WHERE \(Identifier(user.column)) BETWEEN \(literal: String(sequence.minValue))::bigint
                                                     AND \(literal: String(sequence.maxValue))::bigint
                """
            )
            guard let text = row["extreme"], let held = Int(text.string) else { continue }
            let next = position.next(increment: sequence.increment)
            if isRising ? held >= next : held <= next { position = SequencePosition(lastValue: held, isCalled: true) }
        }
        return position
    }
}
