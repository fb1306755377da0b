/// The parts of a connection URI as libpq splits them (PostgreSQL manual, Connection URIs), to detect a split the author
/// did not intend.
struct ConnectionURI {
    private static let schemes = ["postgres://", "postgresql://"]

    /// User and password; nil if there are none.
    private let credentials: Substring.UTF8View?
    /// Hosts and ports.
    private let hosts: Substring.UTF8View
    private let path: Substring.UTF8View
    private let query: Substring.UTF8View

    /// Returns nil if the text is not a PostgreSQL URI.
    init?(_ text: String) {
        guard let scheme = Self.schemes.first(where: { text.utf8.starts(with: $0.utf8) }) else { return nil }
        var rest = Substring(text).utf8.dropFirst(scheme.utf8.count)
        func cut(before ends: String) -> Substring.UTF8View {
            let part = rest.prefix { !ends.utf8.contains($0) }
            rest = rest.dropFirst(part.count)
            return part
        }
        let whole = rest
        let beginning = cut(before: "@/")
        if rest.first == UInt8(ascii: "@") {
            credentials = beginning
            rest = rest.dropFirst()
        } else {
            credentials = nil
            rest = whole
        }
        hosts = cut(before: "/?")
        path = cut(before: "?")
        query = rest
    }

    /// Whether a part contains what an unencoded password would leave there: an `@`, or a character that no host has.
    ///
    /// In a query an `@` may be intended (`?user=name@server`), unless the URI has a password.
    var isAmbiguous: Bool {
        let at = UInt8(ascii: "@")
        return !hosts.allSatisfy(Self.isOfHost) || path.contains(at)
            || (query.contains(at) && credentials?.contains(UInt8(ascii: ":")) ?? false)
    }

    /// Letters of any language, digits, separators of hosts, ports and parts of an address, and `%` for everything else.
    private static func isOfHost(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), 0x80...:
            true
        default: ".-_:,[]%".utf8.contains(byte)
        }
    }
}
