package import Catalog

/// The database's own rows in an extension's table, as count and fingerprint.
package struct ExtensionContents: Sendable {
    package let table: ExtensionTable
    package let rows: Int
    /// Fingerprint of the lines of COPY text (``LineSum``).
    package let fingerprint: String
    /// The position, for a sequence.
    package let position: SequencePosition?

    package init(table: ExtensionTable, rows: Int, fingerprint: String, position: SequencePosition?) {
        self.table = table
        self.rows = rows
        self.fingerprint = fingerprint
        self.position = position
    }

    /// Whether both have the same rows and position.
    package func holdsTheSame(as other: ExtensionContents) -> Bool {
        rows == other.rows && fingerprint == other.fingerprint && position == other.position
    }
}
