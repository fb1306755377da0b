package import Postgres

/// The settings of a database itself, apart from its contents; `pg_dump` prints them only with `--create`.
package struct DatabaseSettings: Sendable, Hashable, Codable {
    /// A parameter that ALTER DATABASE or ALTER ROLE … IN DATABASE has set.
    package struct Setting: Sendable, Hashable, Codable {
        /// The role it applies to; nil: all roles.
        package let role: ServerText?
        package let name: ServerText
        package let value: ServerText
        /// Whether the role may write to tables; nil if unknown.
        fileprivate let isOfWriter: Bool?

        package static func == (left: Self, right: Self) -> Bool {
            left.role == right.role && left.name == right.name && left.value == right.value
        }

        package func hash(into hasher: inout Hasher) {
            hasher.combine(role)
            hasher.combine(name)
            hasher.combine(value)
        }
    }

    /// A right on the database that was granted to a role other than its owner.
    package struct Grant: Sendable, Hashable, Codable {
        /// The role; nil means PUBLIC.
        package let role: ServerText?
        package let privilege: String
        package let isGrantable: Bool

        /// What everyone may do on a database on which nothing was ever granted or revoked (manual, ddl-priv).
        package static let byDefault = ["CONNECT", "TEMPORARY"].map {
            Grant(role: nil, privilege: $0, isGrantable: false)
        }
    }

    package let settings: [Setting]
    /// The database's owner, who needs no grant on it; nil in older archives and ledgers.
    package let owner: ServerText?
    package let comment: ServerText?
    /// The connection limit; -1 means none.
    package let connectionLimit: Int
    /// The rights; nil if nothing was ever granted or revoked.
    package let grants: [Grant]?
    /// The parameters this server knows.
    package let parameters: Set<ServerText>

    /// No settings, for catalogs that are built without them.
    package static let none = DatabaseSettings(
        settings: [],
        owner: nil,
        comment: nil,
        connectionLimit: -1,
        grants: nil,
        parameters: []
    )

    /// Settings that close the database to the application for cutover; they must not be copied as definitions.
    package var closing: [Setting] { settings.filter { $0.closes } }

    /// Whether only superusers may connect.
    package var admitsNobody: Bool { connectionLimit == 0 }

    /// Whether the server accepts the parameter; a name with a dot belongs to an extension and is always accepted.
    package func knows(_ setting: Setting) -> Bool {
        setting.name.contains(".") || parameters.contains(setting.name)
    }
}

extension DatabaseSettings.Setting {
    private static let timeouts: Set<ServerText> = [
        "idle_in_transaction_session_timeout", "idle_session_timeout", "lock_timeout", "statement_timeout",
        "transaction_timeout",
    ]
    /// The shortest timeout an application can work with.
    private static let leastMilliseconds = 1000.0

    /// Whether it keeps new sessions from writing, or from running anything that takes a second.
    ///
    /// A setting of a single role may be intended, for example if the role only reads.
    fileprivate var closes: Bool {
        if isFence { return isTrue && (role == nil || isOfWriter == true) }
        guard role == nil, Self.timeouts.contains(name), let milliseconds else { return false }
        return milliseconds > 0 && milliseconds < Self.leastMilliseconds
    }

    /// Whether it is the parameter that makes sessions read-only.
    package var isFence: Bool { name == "default_transaction_read_only" }

    /// Whether the value means true; the server accepts any prefix of the words.
    private var isTrue: Bool {
        let word = value.string.lowercased()
        return word == "on" || word == "1"
            || !word.isEmpty && ["true", "yes"].contains { $0.utf8.starts(with: word.utf8) }
    }

    /// The value as a duration, as the server reads it (PostgreSQL manual 20.1.1); nil if it is not a duration.
    private var milliseconds: Double? {
        let factors = ["": 1, "us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000]
        let text = value.string.utf8.filter { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }
        let digits = text.prefix { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: ".")
        }
        guard let number = Double(String(decoding: digits, as: UTF8.self)),
            let factor = factors[String(decoding: text.dropFirst(digits.count), as: UTF8.self)]
        else { return nil }
        return number * factor
    }

    /// Parameters whose value is a list of names, stored with quotes where needed (`GUC_LIST_QUOTE`; same list as in
    /// `pg_dump`, `dumputils.c`).
    private static let lists: Set<ServerText> = [
        "local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries",
        "temp_tablespaces", "unix_socket_directories",
    ]

    /// The value in the form that SET accepts.
    ///
    /// A list written as one constant would be a single name with commas in it.
    package var valueClause: SQL {
        guard Self.lists.contains(name) else { return "\(literal: value)" }
        let names = Self.names(in: value)
        return names.isEmpty ? "''" : names.map { "\(literal: $0)" as SQL }.joined(separator: ", ")
    }

    /// Splits a stored list as the server does (`SplitIdentifierString`).
    ///
    /// Names are separated by commas and surrounded by blanks; names in double quotes are kept, others are lower-cased.
    private static func names(in list: ServerText) -> [ServerText] {
        let (quote, comma) = (UInt8(ascii: "\""), UInt8(ascii: ","))
        func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || (9...13).contains(byte) }
        var names: [ServerText] = []
        var rest = Array(list.utf8)[...]
        while true {
            rest = rest.drop(while: isSpace)
            var name: [UInt8] = []
            if rest.first == quote {
                rest = rest.dropFirst()
                while let next = rest.popFirst() {
                    if next == quote {
                        guard rest.first == quote else { break }
                        rest = rest.dropFirst()
                    }
                    name.append(next)
                }
                rest = rest.drop { $0 != comma }
            } else {
                name = Array(rest.prefix { $0 != comma })
                rest = rest.dropFirst(name.count)
                while let last = name.last, isSpace(last) { name.removeLast() }
                name = name.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 + 32 : $0 }
            }
            if !name.isEmpty || !rest.isEmpty { names.append(ServerText(bytes: name)) }
            guard rest.first == comma else { return names }
            rest = rest.dropFirst()
        }
    }
}
