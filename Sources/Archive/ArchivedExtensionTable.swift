package import Catalog

/// An extension's table in a generation: those of its rows that belong to the database.
package struct ArchivedExtensionTable: Sendable, Codable {
    package let table: ExtensionTable
    package let rows: Int
    /// Fingerprint of the lines of COPY text.
    package let fingerprint: String
    private let lastValue: Int?
    private let isCalled: Bool?
    package let written: [FileEntry]

    package init(_ contents: ExtensionContents, written: [FileEntry]) {
        table = contents.table
        rows = contents.rows
        fingerprint = contents.fingerprint
        lastValue = contents.position?.lastValue
        isCalled = contents.position?.isCalled
        self.written = written
    }

    package var contents: ExtensionContents {
        let position = lastValue.map { SequencePosition(lastValue: $0, isCalled: isCalled ?? true) }
        return ExtensionContents(table: table, rows: rows, fingerprint: fingerprint, position: position)
    }

    /// Passes its rows to `body` as lines of COPY text, in pieces.
    ///
    /// - Parameters:
    ///   - folder: The generation's folder.
    ///   - body: Takes a piece, valid only during the call, and whether it ends its row (with the newline).
    /// - Throws: ``ArchiveError`` if the rows do not match the manifest, and what `body` throws.
    package func readPieces(
        in folder: String,
        _ body: (_ piece: UnsafeRawBufferPointer, _ endsRow: Bool) throws -> Void
    ) throws {
        var sum = LineSum()
        for file in written {
            try FrameReader(file, in: folder).readPieces { piece, endsRow in
                sum.add(piece, endsLine: endsRow)
                try body(piece, endsRow)
            }
        }
        guard table.isSequence || (sum.rows == rows && sum.fingerprint == fingerprint) else {
            throw ArchiveError(
                .damaged,
                at: folder,
                "the rows of \(table.qualifiedName) differ from the manifest: fingerprint mismatch"
            )
        }
    }
}
