import Glibc

/// The rows of a file whose key is wanted; rows and columns may be of any length.
struct KeptRows {
    /// Bytes of a row held until its key is complete; if a key comes later in a row, the file is read twice.
    private static let heldBytes = 1 << 20

    private let file: FileEntry
    private let folder: String
    private let keyFields: [Int]
    /// Whether a row is wanted, by its key: the fields as COPY writes them, separated by tabs.
    private let isWanted: ([UInt8]) -> Bool

    init(_ file: FileEntry, in folder: String, keyFields: [Int], isWanted: @escaping ([UInt8]) -> Bool) {
        self.file = file
        self.folder = folder
        self.keyFields = keyFields
        self.isWanted = isWanted
    }

    /// Passes the rows to `body`, in pieces.
    ///
    /// - Parameter body: Takes a piece, valid only during the call, and whether it ends its row (with the newline).
    /// - Throws: ``ArchiveError``, and what `body` throws.
    func readPieces(_ body: (_ piece: UnsafeRawBufferPointer, _ endsRow: Bool) throws -> Void) throws {
        var key = RowKey(of: keyFields)
        var held: [UInt8] = []
        var isKept: Bool?
        var row = 0
        var decisions: [Bool]?
        try FrameReader(file, in: folder).readPieces { piece, endsRow in
            if isKept == nil {
                isKept = try decision(&key, adding: piece, endsRow: endsRow)
                if isKept == nil, held.count + piece.count > Self.heldBytes {
                    let all = try decisions ?? self.decisions()
                    decisions = all
                    isKept = all[row]
                }
                if isKept == true, !held.isEmpty { try held.withUnsafeBytes { try body($0, false) } }
                if isKept != nil { held.removeAll(keepingCapacity: true) }
            }
            switch isKept {
            case true?: try body(piece, endsRow)
            case false?: break
            case nil: held.append(contentsOf: piece)
            }
            guard endsRow else { return }
            (isKept, key) = (nil, RowKey(of: keyFields))
            row += 1
        }
    }

    /// Whether each row of the file is wanted.
    private func decisions() throws -> [Bool] {
        var decisions: [Bool] = []
        var key = RowKey(of: keyFields)
        var isKept: Bool?
        try FrameReader(file, in: folder).readPieces { piece, endsRow in
            if isKept == nil { isKept = try decision(&key, adding: piece, endsRow: endsRow) }
            guard endsRow else { return }
            decisions.append(isKept ?? false)
            (isKept, key) = (nil, RowKey(of: keyFields))
        }
        return decisions
    }

    /// Whether the row is wanted; nil until the key is complete.
    private func decision(_ key: inout RowKey, adding piece: UnsafeRawBufferPointer, endsRow: Bool) throws -> Bool? {
        if let found = key.add(piece, endsRow: endsRow) { return isWanted(found) }
        guard endsRow else { return nil }
        throw ArchiveError(.damaged, at: "\(folder)/\(file.name)", "has a row with fewer columns than its table's key")
    }
}

/// Finds the key in a row of COPY text that arrives in pieces.
private struct RowKey {
    private let fields: [Int]
    private var found: [[UInt8]?]
    private var missing: Int
    private var field = 0
    private var isOfKey: Bool
    private var content: [UInt8] = []

    init(of fields: [Int]) {
        self.fields = fields
        found = Array(repeating: nil, count: fields.count)
        missing = fields.count
        isOfKey = fields.contains(0)
    }

    /// - Returns: The key as soon as it is complete.
    mutating func add(_ piece: UnsafeRawBufferPointer, endsRow: Bool) -> [UInt8]? {
        var rest = UnsafeRawBufferPointer(rebasing: endsRow ? piece.dropLast() : piece[...])
        while let end = rest.tab {
            if isOfKey { content.append(contentsOf: rest[..<end]) }
            if let key = endField() { return key }
            rest = UnsafeRawBufferPointer(rebasing: rest[(end + 1)...])
        }
        if isOfKey { content.append(contentsOf: rest) }
        return endsRow ? endField() : nil
    }

    private mutating func endField() -> [UInt8]? {
        if isOfKey {
            for index in fields.indices where fields[index] == field && found[index] == nil {
                found[index] = content
                missing -= 1
            }
            content.removeAll(keepingCapacity: true)
        }
        field += 1
        isOfKey = fields.contains(field)
        guard missing == 0 else { return nil }
        return Array(found.compactMap(\.self).joined(separator: [UInt8(ascii: "\t")]))
    }
}

extension UnsafeRawBufferPointer {
    /// The position of the first tab.
    fileprivate var tab: Int? {
        guard let base = baseAddress, let found = memchr(base, Int32(UInt8(ascii: "\t")), count) else { return nil }
        return UnsafeRawPointer(found) - base
    }
}
