import Glibc

/// Text that comes from a PostgreSQL server or is compared with such text: a name, a definition, a key's value.
///
/// PostgreSQL compares, hashes and splits text byte by byte. Swift's `String` compares by canonical equivalence (é equals
/// e with an accent) and iterates by grapheme clusters (a quote and a combining mark are one character, so replacing
/// quotes misses that one). This type does everything by the bytes of UTF-8.
///
/// A `ServerText` cannot be interpolated into a `String`: `visible` is for people, ``string`` for machines.
public struct ServerText: Sendable, Codable, ExpressibleByStringLiteral {
    /// The text; as a `String` it may equal another one whose bytes differ.
    public let string: String

    /// Wraps a text unchanged.
    public init(_ string: some StringProtocol) {
        self.string = String(string)
    }

    /// Wraps a literal unchanged.
    public init(stringLiteral value: String) {
        string = value
    }

    /// Reads a single text.
    public init(from decoder: any Decoder) throws {
        string = try decoder.singleValueContainer().decode(String.self)
    }

    /// Writes a single text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(string)
    }

    package init(bytes: some Collection<UInt8>) {
        string = String(decoding: bytes, as: UTF8.self)
    }

    package var utf8: String.UTF8View { string.utf8 }
    package var isEmpty: Bool { string.isEmpty }
}

/// Text that can go into a report: our own words, or a server's text.
package protocol Reportable {
    var string: String { get }
}

extension ServerText: Reportable {}
extension String: Reportable {
    package var string: String { self }
}

extension ServerText: Hashable {
    /// Compares the bytes.
    public static func == (left: Self, right: Self) -> Bool {
        left.utf8.count == right.utf8.count
            && left.withBytes { ours in
                right.withBytes { theirs in
                    ours.elementsEqual(theirs)
                }
            }
    }

    /// Hashes the bytes.
    public func hash(into hasher: inout Hasher) {
        withBytes { hasher.combine(bytes: $0) }
        // This byte never occurs in UTF-8, so it separates one text from the next.
        hasher.combine(0xFF as UInt8)
    }
}

extension ServerText: Comparable {
    /// Compares by bytes, like PostgreSQL's collation "C".
    public static func < (left: Self, right: Self) -> Bool {
        left.withBytes { ours in
            right.withBytes { theirs in ours.lexicographicallyPrecedes(theirs) }
        }
    }
}

// MARK: Looking into it, by bytes

extension ServerText {
    package func begins(with prefix: ServerText) -> Bool { utf8.starts(with: prefix.utf8) }

    package func ends(with suffix: ServerText) -> Bool {
        utf8.count >= suffix.utf8.count && utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
    }

    package func withoutSuffix(_ suffix: ServerText) -> ServerText {
        ends(with: suffix) ? dropLast(suffix.utf8.count) : self
    }

    package func contains(_ part: ServerText) -> Bool { firstRange(of: part) != nil }

    /// The first place of a part, as a range of bytes.
    ///
    /// - Parameters:
    ///   - part: The text to find; an empty text is never found.
    ///   - start: The offset in bytes at which the search begins.
    /// - Returns: The range of bytes, nil if the part is not there.
    package func firstRange(of part: ServerText, from start: Int = 0) -> Range<Int>? {
        withBytes { text in
            part.withBytes { part in
                guard let first = part.first, let base = text.baseAddress else { return nil }
                var next = start
                while next + part.count <= text.count,
                    let found = memchr(base + next, Int32(first), text.count - part.count - next + 1)
                {
                    let lower = UnsafeRawPointer(found) - base
                    if text[lower..<(lower + part.count)].elementsEqual(part) { return lower..<(lower + part.count) }
                    next = lower + 1
                }
                return nil
            }
        }
    }

    /// The bytes of a range, which must begin and end between two characters.
    package subscript(_ range: Range<Int>) -> ServerText {
        withBytes { ServerText(bytes: UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    package func dropFirst(_ bytes: Int) -> ServerText { self[min(bytes, utf8.count)..<utf8.count] }
    package func dropLast(_ bytes: Int) -> ServerText { self[0..<max(0, utf8.count - bytes)] }

    /// Splits the text at an ASCII character.
    ///
    /// - Parameters:
    ///   - separator: An ASCII character, whose byte occurs in no other character.
    ///   - maxSplits: The maximum number of splits.
    ///   - omittingEmptySubsequences: Whether empty pieces are left out.
    /// - Returns: The pieces.
    package func pieces(
        between separator: Unicode.Scalar,
        maxSplits: Int = .max,
        omittingEmptySubsequences: Bool = true
    ) -> [ServerText] {
        utf8.split(
            separator: UInt8(ascii: separator),
            maxSplits: maxSplits,
            omittingEmptySubsequences: omittingEmptySubsequences
        ).map { ServerText(Substring($0)) }
    }

    package func replacingAll(_ part: ServerText, with other: ServerText) -> ServerText {
        guard var found = firstRange(of: part) else { return self }
        return withBytes { bytes in
            var result: [UInt8] = []
            var start = 0
            while true {
                result += UnsafeRawBufferPointer(rebasing: bytes[start..<found.lowerBound])
                result += other.utf8
                start = found.upperBound
                guard let next = firstRange(of: part, from: start) else { break }
                found = next
            }
            result += UnsafeRawBufferPointer(rebasing: bytes[start...])
            return ServerText(bytes: result)
        }
    }

    package static func + (left: Self, right: Self) -> ServerText { ServerText(left.string + right.string) }

    private func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        let fast = try string.utf8.withContiguousStorageIfAvailable { try body(UnsafeRawBufferPointer($0)) }
        if let fast { return fast }
        return try Array(string.utf8).withUnsafeBytes(body)
    }
}

extension Sequence where Element == ServerText {
    package func joined(separator: String) -> ServerText { ServerText(map(\.string).joined(separator: separator)) }
}

extension DefaultStringInterpolation {
    // Not `unavailable`: the compiler would then use the overload for any type. Warnings are errors here.

    /// Forbids printing a server's text without saying for whom.
    @available(*, deprecated, message: "say .visible for people, .string for machines")
    package mutating func appendInterpolation(_ text: ServerText) { appendLiteral(text.visible) }

    /// Forbids printing a server's text without saying for whom.
    @available(*, deprecated, message: "say .visible for people, .string for machines")
    package mutating func appendInterpolation(_ text: ServerText?) { appendLiteral(text?.visible ?? "nil") }
}
