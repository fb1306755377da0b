package import Archive
package import Catalog
package import Postgres

extension ExtensionContents {
    /// Reads an extension's table.
    ///
    /// - Parameters:
    ///   - table: The table.
    ///   - connection: A connection to its database.
    /// - Throws: ``PostgresError``.
    package init(_ table: ExtensionTable, on connection: Connection) throws {
        guard !table.isSequence else {
            let row = try connection.queryOne("SELECT last_value, is_called FROM \(table.qualifiedName)")
            let position = SequencePosition(
                lastValue: try row.integer("last_value"),
                isCalled: try row.boolean("is_called")
            )
            self.init(table: table, rows: 0, fingerprint: "", position: position)
            return
        }
        var sum = LineSum()
        try during("reading \(table.qualifiedName) of extension \(table.extension.visible)") {
            try connection.beginCopyOut(try table.copyOut())
            while try connection.nextCopyMessage({ sum.add($0) }) != nil {}
            try connection.endCopyOut()
        }
        self.init(table: table, rows: sum.rows, fingerprint: sum.fingerprint, position: nil)
    }
}
