public import Postgres

/// A part of the source that is not copied on request.
///
/// The ledger remembers it from the first call on, so that cutover leaves out what precopy left out.
public enum Omission: Sendable, Hashable {
    /// Owners; every object belongs to the role that creates it.
    case owners
    /// GRANTs and REVOKEs.
    case privileges
    /// Tablespaces; everything goes to the target's default.
    case tablespaces
    /// Event triggers; only a superuser may create them.
    case eventTriggers
    /// Publications; only a superuser may create one for all tables.
    case publications
    /// Subscriptions; only a superuser of the source may read them.
    case subscriptions
    /// Large objects.
    case largeObjects
    /// Settings made with ALTER DATABASE and ALTER ROLE … IN DATABASE, and the database's comment, rights and connection
    /// limit.
    case databaseSettings

    /// The validation of foreign keys, left until after cutover.
    ///
    /// Foreign keys of partitioned tables are validated anyway: they cannot exist unvalidated.
    case foreignKeyValidation

    /// Everything but the rows that pass a condition: the target has its definitions, and serves others meanwhile.
    case allButFilteredRows

    /// A schema with all that is in it, on both sides.
    case schema(ServerText)
    /// An extension, its comment, and the database's own rows in its tables.
    ///
    /// What uses its types or functions is copied; the target's server refuses that if it does not have them.
    case `extension`(ServerText)

    /// The command-line option that requests it.
    package var flag: String {
        switch self {
        case .owners: "--no-owner"
        case .foreignKeyValidation: "--foreign-keys later"
        case .allButFilteredRows: "--stage"
        case .schema(let name): "--exclude-schema \(Escaping.shellWord(name.string).visible)"
        case .extension(let name): "--no-extension \(Escaping.shellWord(name.string).visible)"
        default: "--no-\(record)"
        }
    }
}

extension Omission {
    private static let words: [(word: String, omission: Omission)] = [
        ("owners", .owners), ("privileges", .privileges), ("tablespaces", .tablespaces),
        ("event-triggers", .eventTriggers), ("publications", .publications), ("subscriptions", .subscriptions),
        ("large-objects", .largeObjects), ("database-settings", .databaseSettings),
        ("foreign-key-validation", .foreignKeyValidation), ("all-but-filtered-rows", .allButFilteredRows),
    ]
    private static let (ofSchema, ofExtension): (ServerText, ServerText) = ("schema:", "extension:")

    /// The text by which it is recorded: `large-objects`, `schema:audit`.
    package var record: String {
        switch self {
        case .schema(let name): (Self.ofSchema + name).string
        case .extension(let name): (Self.ofExtension + name).string
        default: Self.words.first { $0.omission == self }?.word ?? ""
        }
    }

    /// - Parameter record: What ``record`` returned; the result is nil if it is something else.
    package init?(record: String) {
        let text = ServerText(record)
        if let known = Self.words.first(where: { $0.word == record }) {
            self = known.omission
        } else if text.begins(with: Self.ofSchema) {
            self = .schema(text.dropFirst(Self.ofSchema.utf8.count))
        } else if text.begins(with: Self.ofExtension) {
            self = .extension(text.dropFirst(Self.ofExtension.utf8.count))
        } else {
            return nil
        }
    }
}

extension Omission: Codable {
    /// Reads a recorded omission.
    ///
    /// - Throws: `DecodingError` for one that this version does not know.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let record = try container.decode(String.self)
        guard let omission = Omission(record: record) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "unknown omission \(record)")
        }
        self = omission
    }

    /// Writes a recorded omission.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(record)
    }
}

extension Set<Omission> {
    /// The schemas that are left out.
    package var schemas: Set<ServerText> {
        Set<ServerText>(compactMap { if case .schema(let name) = $0 { name } else { nil } })
    }

    /// The extensions that are left out.
    package var extensions: Set<ServerText> {
        Set<ServerText>(compactMap { if case .extension(let name) = $0 { name } else { nil } })
    }
}
