package import Catalog
package import Postgres

/// Brings the target's sequences to where the source's are.
///
/// Sequences follow no snapshot (even an old one shows today's value), so they are read last, when nobody writes. The
/// target's next value must be at or beyond the source's, and beyond every value its columns hold.
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
    ///   - sequences: The source's.
    ///   - positions: Where they stand there.
    /// - Returns: What the operator should know: sequences that are further than the source's, since a column of theirs
    ///   holds keys that were given by hand.
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

    /// One that came into being after the definitions were brought is for the verification to name.
    private func isOnTarget(_ name: QualifiedName) throws -> Bool {
        try target.queryOne("SELECT pg_catalog.to_regclass(\(value: name.quoted)) IS NOT NULL AS is_there")
            .boolean("is_there")
    }

    /// Where sequences stand.
    ///
    /// - Parameters:
    ///   - names: The sequences.
    ///   - connection: Where to look.
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
