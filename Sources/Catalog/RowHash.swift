package import Postgres

/// A method that turns a row into a number that is the same on both servers.
///
/// Columns are taken by name and with pinned settings. Values are equal if their texts are, not by `=`, for which 1.0
/// equals 1.00. Hashes are added, not XORed, because a duplicated row would cancel itself; the sum is exact (numeric).
package enum RowHash: String, Sendable, Codable {
    /// 64 bits over each value, mixed: the type's own hash if equal values have the same bytes, otherwise a hash of the
    /// value's text.
    case hashesOfColumns = "hashes of columns"
    /// 64 bits over the row's text.
    case hashtextextended
    /// The first 64 bits of md5 over the row's text.
    case md5
    /// The same over the text in UTF-8, for databases with different encodings.
    case md5OfUTF8

    // A server's own hashes are not guaranteed to be the same across versions, so their results are compared first.

    private static let columnsProbe: SQL = """
        SELECT pg_catalog.string_agg(pg_catalog.hashint4extended(0,
                   pg_catalog.hashint2extended(n::smallint, 1) # pg_catalog.hashint4extended(n, 2)
                   # pg_catalog.hashint4extended(3, n::bigint * 1234567890123)
                   # pg_catalog.uuid_hash_extended(pg_catalog.md5(n::text)::uuid, 4)
                   # pg_catalog.hashtextextended(
                       pg_catalog.encode(pg_catalog.timestamp_send(timestamp '2024-02-29' + n * interval '1.000001 s'), 'hex'), 5)
                   # pg_catalog.hashtextextended(pg_catalog.repeat('tidemark ', n), 6))::text, ',') AS h
        FROM pg_catalog.generate_series(0, 40) AS n
        """
    private static let textProbe: SQL = """
        SELECT pg_catalog.string_agg(pg_catalog.hashtextextended(pg_catalog.repeat('tidemark ', n), 0)::text, ',') AS h
        FROM pg_catalog.generate_series(0, 40) AS n
        """

    /// The fastest hash that gives the same results on both servers.
    ///
    /// - Parameters:
    ///   - source: A connection to the source.
    ///   - target: A connection to the target.
    /// - Returns: The hash to use.
    /// - Throws: ``PostgresError``.
    package static func common(to source: Connection, and target: Connection) throws -> RowHash {
        common(to: try Answers(of: source), and: try Answers(of: target))
    }

    /// The fastest hash for two servers with these answers.
    package static func common(to source: Answers, and target: Answers) -> RowHash {
        guard source.encoding == target.encoding else { return .md5OfUTF8 }
        if source.columns == target.columns { return .hashesOfColumns }
        return source.text == target.text ? .hashtextextended : .md5
    }

    /// The results of a server's own hash functions for certain values.
    package struct Answers: Sendable, Codable, Hashable {
        let encoding: String
        let columns: String
        let text: String

        /// Computes the hashes on a server.
        ///
        /// - Throws: ``PostgresError``.
        package init(of connection: Connection) throws {
            encoding = try connection.queryOne("SELECT pg_catalog.current_setting('server_encoding') AS e").word("e")
            columns = try connection.queryOne(columnsProbe).word("h")
            text = try connection.queryOne(textProbe).word("h")
        }
    }

    /// The hash of a row of columns, as bigint.
    ///
    /// - Parameters:
    ///   - columns: The columns, with the same names on both sides.
    ///   - others: Columns with a different type on the other side, which are hashed by their text.
    /// - Returns: The expression.
    package func expression(_ columns: [Column], ofOtherType others: Set<ServerText> = []) -> SQL {
        let row = Self.text(of: columns)
        return switch self {
        case .hashesOfColumns: Self.mixed(columns, others)
        case .hashtextextended: "pg_catalog.hashtextextended(\(row), 0)"
        case .md5OfUTF8:
            """
            ('x' || pg_catalog.substr(pg_catalog.md5(pg_catalog.convert_to(\(row), 'UTF8')), 1, 16))::pg_catalog.bit(64)::bigint
            """
        case .md5: "('x' || pg_catalog.substr(pg_catalog.md5(\(row)), 1, 16))::pg_catalog.bit(64)::bigint"
        }
    }

    private static func text(of columns: [Column]) -> SQL {
        let values = columns.map { column -> SQL in
            // bytea as text is twice as long, and a row's text is limited to 1 GB.
            column.isBytes ? "pg_catalog.md5(\(column.identifier))" : "\(column.identifier)"
        }
        return "ROW(\(values.joined(separator: ", ")))::text"
    }

    /// Hashes each column with its own seed, so that swapped values of two columns are noticed, and mixes the result once
    /// more, so that values swapped between two rows change the sum.
    ///
    /// It is mixed as a seed: as a value, `hashint8extended` would first fold its halves into 32 bits (`hashfunc.c`).
    private static func mixed(_ columns: [Column], _ others: Set<ServerText>) -> SQL {
        var parts: [SQL] = []
        for (number, column) in columns.enumerated() {
            guard !others.contains(column.name), let hash = column.hash(seed: number + 1) else { continue }
            // Even if the catalog says NOT NULL: a single NULL would remove the whole row from the sum.
            parts.append("coalesce(\(hash), \(number + 1))")
        }
        let printed = columns.filter { others.contains($0.name) || $0.hash(seed: 0) == nil }
        if !printed.isEmpty { parts.append("pg_catalog.hashtextextended(\(text(of: printed)), 0)") }
        guard !parts.isEmpty else { return "0::bigint" }
        return "pg_catalog.hashint4extended(0, \(parts.joined(separator: " OPERATOR(pg_catalog.#) ")))"
    }
}

extension Column {
    /// The hash of one value, equal for equal bytes; nil if the column is hashed as part of the row's text.
    fileprivate func hash(seed: Int) -> SQL? {
        let name = identifier
        // Other types may have user-defined casts to text that do not show the whole value.
        guard typeSchema == "pg_catalog", typeKind == .base, !isDomain, typeName != "bpchar" else { return nil }
        guard !type.ends(with: "[]") else { return "pg_catalog.hashtextextended(\(SQL.printed("\(name)")), \(seed))" }
        return switch typeName.string {
        case "bool": "pg_catalog.hashint4extended(\(name)::integer, \(seed))"
        case "int2": "pg_catalog.hashint2extended(\(name), \(seed))"
        case "int4": "pg_catalog.hashint4extended(\(name), \(seed))"
        // The type's own hash folds its halves into 32 bits: -1 would equal 4294967295. A seed is used in full.
        case "int8": "pg_catalog.hashint4extended(\(seed), \(name))"
        case "uuid": "pg_catalog.uuid_hash_extended(\(name), \(seed))"
        // Their own hashes fold as well: two times 2³² + 1 microseconds apart would have the same hash.
        case "time", "timestamp", "timestamptz":
            "pg_catalog.hashtextextended(pg_catalog.encode(pg_catalog.\(SQL(trusted: typeName))_send(\(name)), 'hex'), \(seed))"
        case "bytea": "pg_catalog.hashtextextended(pg_catalog.md5(\(name)), \(seed))"
        case "text", "varchar": "pg_catalog.hashtextextended(\(name) COLLATE pg_catalog.\"C\", \(seed))"
        // Equal numbers (1.0 and 1.00), floats (0 and -0), intervals and documents may have different bytes, so the
        // default hashes their text. The types here have built-in casts to text, which cannot be replaced.
        case "name", "char", "inet", "cidr", "xml": "pg_catalog.hashtextextended(\(name)::pg_catalog.text, \(seed))"
        default: "pg_catalog.hashtextextended(\(SQL.printed("\(name)")), \(seed))"
        }
    }
}
