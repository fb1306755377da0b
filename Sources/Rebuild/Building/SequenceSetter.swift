package import Catalog
package import Postgres

/// Sets the target's sequences to the source's positions.
///
/// Sequences ignore snapshots (even an old snapshot shows the current value), so they are read last, when there are no
/// writers. The target's next value must be at or beyond the source's, and beyond every value in its columns, unless most of the
/// values that are left would be lost by that.
package struct SequenceSetter {
    private static let batch = 200

    private let target: Connection

    /// - Parameter target: A connection to the target.
    package init(_ target: Connection) {
        self.target = target
    }

    /// Moves sequences forward to the source's positions, while the target is in use; those that are beyond stay.
    ///
    /// A sequence keeps its own step, and goes on with a value it would have come to: the two sides may have been given steps
    /// that keep their values apart. It is locked meanwhile (ALTER SEQUENCE waits for others' `nextval`, and they for it), so that
    /// it never goes back.
    ///
    /// - Parameters:
    ///   - sequences: The source's sequences.
    ///   - positions: Their positions on the source.
    /// - Throws: ``PostgresError``.
    package func advance(
        _ sequences: [SequenceDefinition],
        to positions: [QualifiedName: SequencePosition]
    ) throws {
        for sequence in try onTarget(sequences.filter { positions[$0.qualifiedName] != nil }) {
            let name = sequence.qualifiedName
            guard let wanted = positions[name]?.next(increment: sequence.increment) else { continue }
            try during("moving sequence \(name) forward") {
                guard try value(of: name, from: wanted) != nil else { return }
                try target.transaction(.readWrite) {
                    // The same as before: only for the lock.
                    try target.execute("ALTER SEQUENCE \(name) CACHE \(SQL(trusted: try ownStep(of: name).cache))")
                    guard let value = try value(of: name, from: wanted) else { return }
                    _ = try target.query(
                        """
                        SELECT pg_catalog.setval(\(value: name.quoted)::pg_catalog.regclass,
                                                 \(value: String(value))::bigint, false)
                        """
                    )
                }
            }
        }
    }

    /// The first value at or beyond one, of those that the target's sequence comes to; nil: its next is beyond already.
    private func value(of name: QualifiedName, from wanted: Int) throws -> Int? {
        let step = try ownStep(of: name).increment
        guard let next = try Self.positions(of: [name], on: target)[name]?.next(increment: step) else { return nil }
        let missing = step > 0 ? wanted - next : next - wanted
        guard missing > 0 else { return nil }
        return next + (missing + abs(step) - 1) / abs(step) * step
    }

    private func ownStep(of name: QualifiedName) throws -> (increment: Int, cache: String) {
        let row = try target.queryOne(
            """
            SELECT s.seqincrement AS increment, s.seqcache::text AS cache FROM pg_catalog.pg_sequence s
            WHERE s.seqrelid = \(literal: name.quoted)::pg_catalog.regclass
            """
        )
        return (try row.integer("increment"), try row.word("cache"))
    }

    /// Sets every sequence, a few hundred in each round trip.
    ///
    /// - Parameters:
    ///   - sequences: The source's sequences.
    ///   - positions: Their positions on the source.
    ///   - onlyForward: Whether one that is beyond its position stays where it is.
    /// - Returns: Notes for the operator on sequences set beyond the source's position, because their column contains
    ///   keys that were set by hand.
    /// - Throws: ``PostgresError``.
    package func set(
        _ sequences: [SequenceDefinition],
        to positions: [QualifiedName: SequencePosition],
        onlyForward: Bool = false
    ) throws -> [String] {
        var advanced: [String] = []
        // A sequence that the target does not have was created later; the verification reports it.
        var wanted = try onTarget(sequences.filter { positions[$0.qualifiedName] != nil })
        if onlyForward {
            let held = try Self.positions(of: wanted.map(\.qualifiedName), on: target)
            wanted.removeAll { sequence in
                guard let ours = positions[sequence.qualifiedName]?.next(increment: sequence.increment),
                    let its = held[sequence.qualifiedName]?.next(increment: sequence.increment)
                else { return false }
                return sequence.increment > 0 ? its >= ours : its <= ours
            }
        }
        let safe = try target.pipeline(wanted.map { sequence in sequence.columns.map { extreme(of: sequence, $0) } })
        var statements: [[SQL]] = []
        for (sequence, outcome) in zip(wanted, safe) {
            guard let position = positions[sequence.qualifiedName] else { continue }
            let held = try during("setting sequence \(sequence.qualifiedName)") { try outcome.answers() }
            let safe = Self.position(position, of: sequence, beyond: held.compactMap { $0.rows.first?["extreme"] })
            if safe != position {
                advanced.append(
                    "sequence \(sequence.qualifiedName) continues after \(safe.lastValue) on the target, not after "
                        + "\(position.lastValue) as on the source: its column contains keys that were set by hand"
                )
            }
            statements.append([
                """
                SELECT pg_catalog.setval(\(value: sequence.qualifiedName.quoted)::pg_catalog.regclass,
                                         \(value: safe.lastValue), \(value: String(safe.isCalled)))
                """
            ])
        }
        for (sequence, outcome) in zip(wanted, try target.pipeline(statements)) {
            _ = try during("setting sequence \(sequence.qualifiedName)") { try outcome.answers() }
        }
        StatusPoint.sequencesSet.reached()
        return advanced
    }

    private func onTarget(_ sequences: [SequenceDefinition]) throws -> [SequenceDefinition] {
        let looks = try target.pipeline(
            sequences.map {
                ["SELECT pg_catalog.to_regclass(\(value: $0.qualifiedName.quoted)) IS NOT NULL AS is_there"]
            }
        )
        return try zip(sequences, looks).filter { _, look in
            try look.answers().first?.rows.first?.boolean("is_there") ?? false
        }.map(\.0)
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

    /// The value in a column from which the sequence must continue.
    private func extreme(of sequence: SequenceDefinition, _ user: SequenceDefinition.User) -> SQL {
        let extreme: SQL = sequence.increment > 0 ? "max" : "min"
        return """
            SELECT pg_catalog.trunc(\(extreme)(\(Identifier(user.column)))::numeric)::text AS extreme
            FROM \(user.tableName)
            WHERE \(Identifier(user.column)) BETWEEN \(literal: String(sequence.minValue))::bigint
                                                 AND \(literal: String(sequence.maxValue))::bigint
            """
    }

    private static func position(
        _ position: SequencePosition,
        of sequence: SequenceDefinition,
        beyond values: [ServerText]
    ) -> SequencePosition {
        // It comes to the values of its columns again and again.
        guard !sequence.isCycling else { return position }
        let isRising = sequence.increment > 0
        let safe = values.compactMap { Int($0.string) }.reduce(position) { position, held in
            let next = position.next(increment: sequence.increment)
            let isBeyond = isRising ? held >= next : held <= next
            return isBeyond ? SequencePosition(lastValue: held, isCalled: true) : position
        }
        // A single row at the end of the type would leave no values: the source goes on with those before it.
        return sequence.room(after: safe) < sequence.room(after: position) / 2 ? position : safe
    }
}
