package import Postgres

/// What a database carries itself, beside what is in it: `pg_dump` tells it only with `--create`.
package struct DatabaseSettings: Sendable, Hashable, Codable {
    /// A parameter that ALTER DATABASE or ALTER ROLE … IN DATABASE has set.
    package struct Setting: Sendable, Hashable, Codable {
        /// nil: for everybody.
        package let role: String?
        package let name: String
        package let value: String
    }

    /// A right on the database that somebody beside its owner has.
    package struct Grant: Sendable, Hashable, Codable {
        /// nil stands for PUBLIC.
        package let role: String?
        package let privilege: String
        package let isGrantable: Bool
    }

    package let settings: [Setting]
    package let comment: String?
    /// -1: as many as the server takes.
    package let connectionLimit: Int
    /// nil: nobody has ever granted or revoked anything.
    package let grants: [Grant]?
    /// The parameters this server knows.
    package let parameters: Set<String>

    /// Nothing set, for databases that are told apart otherwise.
    package static let none = DatabaseSettings(
        settings: [],
        comment: nil,
        connectionLimit: -1,
        grants: nil,
        parameters: []
    )

    /// Whether the server takes a parameter of that name; anything with a dot in it belongs to an extension and is
    /// taken.
    package func knows(_ setting: Setting) -> Bool {
        setting.name.contains(".") || parameters.contains(setting.name)
    }
}

extension DatabaseSettings.Setting {
    /// Parameters whose value is a list of names, each stored with quotes where it needs them (`GUC_LIST_QUOTE`; the
    /// list is the one in `pg_dump`, `dumputils.c`).
    private static let lists: Set<String> = [
        "local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries",
        "temp_tablespaces", "unix_socket_directories",
    ]

    /// The value as SET takes it.
    ///
    /// A list as one constant would be one name with commas in it.
    package var valueClause: SQL {
        guard Self.lists.contains(name) else { return "\(literal: value)" }
        let names = Self.names(in: value)
        return names.isEmpty ? "''" : names.map { "\(literal: $0)" as SQL }.joined(separator: ", ")
    }

    /// Takes a stored list apart: names with commas between them, quoted ones as they are, others in lower case.
    private static func names(in list: String) -> [String] {
        var names: [String] = []
        var rest = Substring(list)
        while true {
            rest = rest.drop(while: \.isWhitespace)
            var name = ""
            if rest.first == "\"" {
                rest = rest.dropFirst()
                while let next = rest.popFirst() {
                    guard next == "\"" else {
                        name.append(next)
                        continue
                    }
                    guard rest.first == "\"" else { break }
                    name.append(rest.removeFirst())
                }
                rest = rest.drop { $0 != "," }
            } else {
                let plain = rest.prefix { $0 != "," }
                rest = rest.dropFirst(plain.count)
                name = plain.trimmingSuffix(while: \.isWhitespace).lowercased()
            }
            if !name.isEmpty || !rest.isEmpty { names.append(name) }
            guard rest.first == "," else { return names }
            rest = rest.dropFirst()
        }
    }
}

extension Substring {
    fileprivate func trimmingSuffix(while condition: (Character) -> Bool) -> Substring {
        var trimmed = self
        while let last = trimmed.last, condition(last) { trimmed.removeLast() }
        return trimmed
    }
}
