package import Postgres

/// A sequence as described by the catalog; its position is read separately, because it does not follow snapshots.
package struct SequenceDefinition: Sendable, Hashable, Codable {
    /// A column that takes its values from the sequence.
    package struct User: Sendable, Hashable, Codable {
        package let schema: ServerText
        package let table: ServerText
        package let column: ServerText

        package var tableName: QualifiedName { QualifiedName(schema: schema, name: table) }
    }

    package let oid: UInt32
    package let schema: ServerText
    package let name: ServerText
    package let type: ServerText
    package let startValue: Int
    package let increment: Int
    package let minValue: Int
    package let maxValue: Int
    package let cacheSize: Int
    package let isCycling: Bool
    package let isReadable: Bool
    package let columns: [User]

    package var qualifiedName: QualifiedName { QualifiedName(schema: schema, name: name) }

    /// How far it is from a position to the last value.
    package func room(after position: SequencePosition) -> Double {
        abs(Double(increment > 0 ? maxValue : minValue) - Double(position.lastValue))
    }

    /// Whether the sequence has no value after a position.
    package func isAtEnd(_ position: SequencePosition) -> Bool {
        guard position.isCalled, !isCycling else { return false }
        let (next, hasOverflown) = position.lastValue.addingReportingOverflow(increment)
        return hasOverflown || next > maxValue || next < minValue
    }
}

/// The position of a sequence.
package struct SequencePosition: Sendable, Hashable {
    package let lastValue: Int
    /// Whether `lastValue` was already returned; if not, it is the next value.
    package let isCalled: Bool

    package init(lastValue: Int, isCalled: Bool) {
        self.lastValue = lastValue
        self.isCalled = isCalled
    }

    /// The next value, unless the sequence ends or wraps before it.
    package func next(increment: Int) -> Int {
        isCalled ? lastValue.addingReportingOverflow(increment).partialValue : lastValue
    }
}

/// A materialized view; views of lower levels are refreshed first.
package struct MaterializedView: Sendable, Hashable, Codable {
    package let oid: UInt32
    package let schema: ServerText
    package let name: ServerText
    package let isPopulated: Bool
    package let level: Int

    package var qualifiedName: QualifiedName { QualifiedName(schema: schema, name: name) }
}
