package import Postgres

/// A sequence as the catalog describes it; its position is read apart, because it follows no snapshot.
package struct SequenceDefinition: Sendable, Hashable, Codable {
    /// A column whose values come from the sequence.
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
}

/// Where a sequence stands.
package struct SequencePosition: Sendable, Hashable {
    package let lastValue: Int
    /// False: `lastValue` itself is the next value to be handed out.
    package let isCalled: Bool

    package init(lastValue: Int, isCalled: Bool) {
        self.lastValue = lastValue
        self.isCalled = isCalled
    }

    /// The next value to be handed out, if the sequence does not end or wrap before it.
    package func next(increment: Int) -> Int {
        isCalled ? lastValue.addingReportingOverflow(increment).partialValue : lastValue
    }
}

/// A materialized view; the lower level is refreshed first.
package struct MaterializedView: Sendable, Hashable, Codable {
    package let oid: UInt32
    package let schema: ServerText
    package let name: ServerText
    package let isPopulated: Bool
    package let level: Int

    package var qualifiedName: QualifiedName { QualifiedName(schema: schema, name: name) }
}
