import Catalog

/// Checks that numbers read from a file are possible, each alone and all together, so that adding them up later cannot
/// overflow.
struct NumberCheck {
    /// Far more than any database has of anything; a thousand times as many can be added without overflow.
    static let most = 1 << 50

    private let file: String
    private var totals: [String: Int] = [:]

    /// - Parameter file: The file that contains the numbers.
    init(_ file: String) {
        self.file = file
    }

    /// Adds a number to all others of its kind.
    ///
    /// - Parameters:
    ///   - number: The number.
    ///   - what: What it counts, in the plural, for the error.
    /// - Throws: ``ArchiveError``, naming the file.
    mutating func add(_ number: Int, _ what: String) throws {
        let total = totals[what, default: 0]
        guard (0...Self.most).contains(number), total <= Self.most - number else {
            throw ArchiveError(.damaged, at: file, "has an impossible number of \(what): \(number)")
        }
        totals[what] = total + number
    }

    mutating func add(_ entry: FileEntry) throws {
        try add(entry.bytes, "bytes on disk")
        try add(entry.contentBytes, "bytes of content")
        try add(entry.rows, "lines")
        try add(entry.frames, "frames")
    }

    mutating func add(_ chunk: ArchivedChunk) throws {
        try add(chunk.rows, "rows")
        for entry in chunk.files { try add(entry) }
    }

    /// Refuses a number outside its range; for numbers that are not counts.
    ///
    /// - Throws: ``ArchiveError``, naming the file.
    func refuse(_ number: Int, outside range: ClosedRange<Int>, _ what: String) throws {
        guard !range.contains(number) else { return }
        throw ArchiveError(.damaged, at: file, "has an impossible \(what): \(number)")
    }
}

extension Manifest {
    /// Checks that its numbers are possible.
    ///
    /// - Parameter file: The file it was read from.
    /// - Throws: ``ArchiveError``, naming the file.
    func checkNumbers(in file: String) throws {
        var check = NumberCheck(file)
        try check.refuse(generation, outside: 0...999_999_999, "generation")
        try check.refuse(source.serverVersionNumber, outside: 0...99_999_999, "version of a server")
        for entry in [definitions, catalog] + largeObjectFiles { try check.add(entry) }
        for table in tables {
            try check.add(table.tableBytes, "bytes of tables")
            for chunk in table.chunks { try check.add(chunk) }
        }
        for entry in largeObjects { try check.add(entry.bytes, "bytes of large objects") }
        for table in extensionTables ?? [] {
            try check.add(table.rows, "rows of extensions")
            for entry in table.written { try check.add(entry) }
        }
    }
}

extension ArchivedCatalog {
    /// Checks that its numbers are possible; bounds of sequences may have any value.
    ///
    /// - Parameter file: The file it was read from.
    /// - Throws: ``ArchiveError``, naming the file.
    func checkNumbers(in file: String) throws {
        var check = NumberCheck(file)
        try check.refuse(catalog.identity.serverVersionNumber, outside: 0...99_999_999, "version of a server")
        for table in catalog.tables {
            for bytes in [table.heapBytes, table.tableBytes] { try check.add(bytes, "bytes of tables") }
            for rows in [table.estimatedRows, table.rowsInserted, table.rowsChanged] {
                try check.add(rows, "rows in statistics")
            }
        }
        for index in catalog.indexes { try check.add(index.bytes, "bytes of indexes") }
        for view in catalog.materializedViews { try check.add(view.level, "levels of views") }
    }
}
