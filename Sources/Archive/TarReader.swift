import Glibc
import SystemPackage

/// Unpacks the stream that ``TarWriter`` has sent into an archive's folder.
package struct TarReader {
    private static let block = 512

    private let input: FileDescriptor

    /// - Parameter descriptor: The descriptor to read the stream from.
    package init(_ descriptor: Int32) {
        input = FileDescriptor(rawValue: descriptor)
    }

    /// Writes the files; their content is checked when the archive is read.
    ///
    /// - Parameter folder: An empty folder.
    /// - Throws: ``ArchiveError`` for a name that an archive does not use, and for a truncated stream.
    package func unpack(into folder: String) throws {
        while let (name, size) = try next() {
            let parts = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map {
                String(Substring($0))
            }
            guard Self.isName(parts) else { throw ArchiveError(.damaged, at: name, "is not a name an archive uses") }
            var inner = folder
            if parts.count == 2 {
                inner = "\(folder)/\(parts[0])"
                try ArchiveDirectory.makeFolder(inner)
            }
            let file = try NewFile(parts[parts.count - 1], in: inner)
            try copy(size, to: file)
            _ = try file.close()
        }
    }

    private static func isName(_ parts: [String]) -> Bool {
        if parts == ["archive.json"] { return true }
        guard parts.count == 2, parts[0].utf8.starts(with: "generation-".utf8) else { return false }
        let number = parts[0].utf8.dropFirst("generation-".utf8.count)
        return (6...9).contains(number.count) && number.allSatisfy(\.isDigit)
            && (parts[1] == "manifest.json" || KnownFile.isName(parts[1]))
    }

    /// Reads the next file's header; nil at the end.
    private func next() throws -> (name: String, size: Int)? {
        let header = try bytes(Self.block)
        if header.allSatisfy({ $0 == 0 }) {
            // Skip the second end block and any padding after it.
            while try !piece(Self.block * 16).isEmpty {}
            return nil
        }
        var blanked = header
        for index in 148..<156 { blanked[index] = UInt8(ascii: " ") }
        let sum = blanked.reduce(0) { $0 + Int($1) }
        guard Self.octal(header[148..<156]) == sum, header[156] == UInt8(ascii: "0") || header[156] == 0,
            let size = Self.size(header[124..<136])
        else { throw ArchiveError(.damaged, at: "the stream", "is not a tar archive of plain files") }
        return (String(decoding: header[..<100].prefix { $0 != 0 }, as: UTF8.self), size)
    }

    private static func octal(_ field: ArraySlice<UInt8>) -> Int? {
        let digits = field.drop { $0 == UInt8(ascii: " ") }.prefix {
            ("0"..."7").contains(Character(UnicodeScalar($0)))
        }
        return Int(String(decoding: digits, as: UTF8.self), radix: 8)
    }

    private static func size(_ field: ArraySlice<UInt8>) -> Int? {
        guard field.first == 0x80 else { return octal(field) }
        let bytes = field.suffix(8)
        guard field.dropFirst().prefix(3).allSatisfy({ $0 == 0 }), bytes.first.map({ $0 < 0x80 }) ?? false else {
            return nil
        }
        return bytes.reduce(0) { $0 << 8 | Int($1) }
    }

    private func copy(_ size: Int, to file: NewFile) throws {
        var left = size
        while left > 0 {
            let piece = try piece(min(left, 256 << 10))
            guard !piece.isEmpty else {
                throw ArchiveError(.damaged, at: file.name, "the stream ends in the middle of this file")
            }
            try piece.withUnsafeBytes { try file.write($0) }
            left -= piece.count
        }
        _ = try bytes((Self.block - size % Self.block) % Self.block)
    }

    private func bytes(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let piece = try piece(count - bytes.count)
            guard !piece.isEmpty else { throw ArchiveError(.damaged, at: "the stream", "is truncated") }
            bytes += piece
        }
        return bytes
    }

    private func piece(_ count: Int) throws -> [UInt8] {
        try waitForInput()
        do {
            return try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                filled = try input.read(into: UnsafeMutableRawBufferPointer(buffer))
            }
        } catch {
            throw ArchiveError(.failed, at: "the stream", "cannot be read: \(error)")
        }
    }

    /// Waits for input in short steps: the sender may be slow or gone, and a blocking read cannot be cancelled.
    private func waitForInput() throws {
        var ready = pollfd(fd: input.rawValue, events: Int16(POLLIN), revents: 0)
        repeat { try Task.checkCancellation() } while poll(&ready, 1, 200) == 0
    }
}
