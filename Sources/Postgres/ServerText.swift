import Glibc

/// Text that comes from a PostgreSQL server, or is compared with such: a name, a definition, a key's value.
///
/// PostgreSQL compares, hashes and takes apart text byte by byte. Swift's `String` compares by canonical equivalence
/// (é is e and an accent) and iterates by grapheme clusters (a quote and a combining mark are one character, so
/// replacing quotes leaves that one as it is). Here everything is done by the bytes of UTF-8.
///
/// A `ServerText` cannot be interpolated into a `String`: ``visible`` is for people, ``string`` for machines.
public struct ServerText: Sendable, Codable, ExpressibleByStringLiteral {
    /// The text; equal to another `String` also where its bytes differ.
    public let string: String

    /// Takes a text as it is.
    public init(_ string: some StringProtocol) {
        self.string = String(string)
    }

    /// Takes a literal as it is.
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

/// What can be put into a report: our own words, or a server's text.
package protocol Reportable {
    var string: String { get }
}

extension ServerText: Reportable {}
extension String: Reportable {
    package var string: String { self }
}

extension ServerText: Hashable {
    /// Whether the bytes are the same.
    public static func == (left: Self, right: Self) -> Bool {
        left.utf8.count == right.utf8.count
            && left.withBytes { ours in
                right.withBytes { theirs in
                    ours.elementsEqual(theirs)
                }
            }
    }

    /// Feeds the bytes.
    public func hash(into hasher: inout Hasher) {
        withBytes { hasher.combine(bytes: $0) }
        // No UTF-8 has this byte: it tells where one text ends and the next begins.
        hasher.combine(0xFF as UInt8)
    }
}

extension ServerText: Comparable {
    /// By bytes, as PostgreSQL's collation "C".
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

    /// Where a part stands first, as a range of bytes.
    ///
    /// - Parameters:
    ///   - part: What is looked for; an empty one is found nowhere.
    ///   - start: The number of bytes before which nothing is looked at.
    /// - Returns: Its bytes' range.
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

    /// Some of the bytes; the range begins and ends between two characters.
    package subscript(_ range: Range<Int>) -> ServerText {
        withBytes { ServerText(bytes: UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    package func dropFirst(_ bytes: Int) -> ServerText { self[min(bytes, utf8.count)..<utf8.count] }
    package func dropLast(_ bytes: Int) -> ServerText { self[0..<max(0, utf8.count - bytes)] }

    /// The pieces between a byte of ASCII.
    ///
    /// - Parameters:
    ///   - separator: A character of ASCII, which is no part of any other character's bytes.
    ///   - maxSplits: How often it is cut at most.
    ///   - omittingEmptySubsequences: Whether pieces without a byte are left out.
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
    // Not `unavailable`: the compiler would then take the one for any type. Warnings are errors here.

    /// Whoever prints a server's text has to say for whom.
    @available(*, deprecated, message: "say .visible for people, .string for machines")
    package mutating func appendInterpolation(_ text: ServerText) { appendLiteral(text.visible) }

    /// Whoever prints a server's text has to say for whom.
    @available(*, deprecated, message: "say .visible for people, .string for machines")
    package mutating func appendInterpolation(_ text: ServerText?) { appendLiteral(text?.visible ?? "nil") }
}
