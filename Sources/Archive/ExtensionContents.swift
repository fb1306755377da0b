package import Catalog

/// What a table of an extension's holds that is the database's own, told by its fingerprint.
package struct ExtensionContents: Sendable {
    package let table: ExtensionTable
    package let rows: Int
    /// Of the lines of COPY text (``LineSum``).
    package let fingerprint: String
    /// Where it stands, of a sequence.
    package let position: SequencePosition?

    package init(table: ExtensionTable, rows: Int, fingerprint: String, position: SequencePosition?) {
        self.table = table
        self.rows = rows
        self.fingerprint = fingerprint
        self.position = position
    }

    /// Whether nothing has to be done to have the one where the other is.
    package func holdsTheSame(as other: ExtensionContents) -> Bool {
        rows == other.rows && fingerprint == other.fingerprint && position == other.position
    }
}
