package import Catalog
package import Ledger
package import Postgres

/// Brings the ledger's objects in line with what the source has now.
///
/// Pure.
///
/// An index that was dropped, or made anew otherwise, on the source since it was built on the target must go there too;
/// one whose table or columns were only renamed stays as it is.
package struct ObjectReconciliation {
    /// What has to be done with one object of the ledger.
    package enum Step: Sendable {
        /// It is not built as the source has it: dropped where it is there, and built later if there is a definition.
        case reset(ObjectEntry, to: NewObject?)
        /// Only names have changed.
        case rename(ObjectEntry, to: NewObject)
        /// What is done stays; what is left is otherwise.
        case extend(ObjectEntry, to: NewObject)
    }

    package let steps: [Step]

    /// - Parameters:
    ///   - objects: What the ledger has, by the tables' names as they were.
    ///   - wanted: What is to be built now.
    ///   - names: For tables that were renamed, or have renamed columns: their names then and now.
    ///   - emptied: Tables, by their names now, whose objects are better built after the rows have come again.
    package init(
        objects: [ObjectEntry],
        wanted: [NewObject],
        names: [QualifiedName: QualifiedName],
        emptied: Set<QualifiedName>
    ) {
        let wanted = Dictionary(wanted.map { (Identity($0), $0) }, uniquingKeysWith: { first, _ in first })
        steps = objects.compactMap { object in
            let before = QualifiedName(schema: object.schemaName, name: object.tableName)
            let table = names[before] ?? before
            guard let now = wanted[Identity(kind: object.kind, table: table, name: object.objectName)] else {
                return .reset(object, to: nil)
            }
            if emptied.contains(table), object.stepsDone > 0 { return .reset(object, to: now) }
            let statements = now.statements.map(\.text)
            guard statements != object.statements || table != before else { return nil }
            if object.stepsDone == 0 || names[before] != nil { return .rename(object, to: now) }
            let done = object.statements.prefix(object.stepsDone)
            if object.stage == .partitionedIndex, done.allSatisfy(statements.contains) {
                return .extend(object, to: now)
            }
            return .reset(object, to: now)
        }
    }

    private struct Identity: Hashable {
        let kind: String
        let table: QualifiedName
        let name: ServerText

        init(kind: String, table: QualifiedName, name: ServerText) {
            self.kind = kind
            self.table = table
            self.name = name
        }

        init(_ object: NewObject) {
            self.init(kind: object.kind, table: object.table, name: object.name)
        }
    }
}

extension ObjectEntry {
    /// The statement that takes it off the target; nil where it is not there, or went with a column.
    package func removal(from target: DatabaseCatalog, table: QualifiedName) -> SQL? {
        let index = target.indexes.first { $0.schema == table.schema && $0.name == objectName }
        guard let index, index.tableQualifiedName == table else { return nil }
        return index.removal
    }
}
