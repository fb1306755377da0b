import Catalog
package import Ledger
package import Postgres

/// Reconciles the ledger's objects with the source's current ones.
///
/// Pure.
///
/// An index that was dropped or redefined on the source since it was built on the target is dropped there too; one
/// whose table or columns were only renamed stays as it is.
package struct ObjectReconciliation {
    /// What to do with one object of the ledger.
    package enum Step: Sendable {
        /// It differs from the source's: drop it if it exists, and build it later if there is a definition.
        case reset(ObjectEntry, to: NewObject?)
        /// Only names have changed.
        case rename(ObjectEntry, to: NewObject)
        /// The statements done remain valid; the remaining ones change.
        case extend(ObjectEntry, to: NewObject)
    }

    package let steps: [Step]

    /// - Parameters:
    ///   - objects: The ledger's objects, with the tables' old names.
    ///   - wanted: The objects to build now.
    ///   - names: Old and new names of tables that were renamed or have renamed columns.
    ///   - emptied: The new names of tables whose objects are better built after their rows are copied again.
    ///   - attached: The target's indexes that are attached to another one; one that went with its partition is not.
    package init(
        objects: [ObjectEntry],
        wanted: [NewObject],
        names: [QualifiedName: QualifiedName],
        emptied: Set<QualifiedName>,
        attached: Set<QualifiedName>
    ) {
        let attachments = Set(attached.map { RebuildPlan.attachment($0).text })
        let wanted = Dictionary(keepingFirst: wanted.map { (Identity($0), $0) })
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
            // Nothing is left of the attachment of a partition that was dropped or detached.
            let index: SQL = "ALTER INDEX \(QualifiedName(schema: object.schemaName, name: object.objectName))"
            let standing = done.filter { statement in
                !statement.begins(with: index.text + RebuildPlan.attaching)
                    || attachments.contains(statement.dropFirst(index.text.utf8.count))
            }
            if object.stage == .partitionedIndex, standing.allSatisfy(statements.contains) {
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
    /// The target's index that it is; nil if it does not exist there, for example because it was dropped with a column.
    func index(of target: DatabaseCatalog, table: QualifiedName) -> Index? {
        let index = target.indexes.first { $0.schema == table.schema && $0.name == objectName }
        guard let index, index.tableQualifiedName == table else { return nil }
        return index
    }
}
