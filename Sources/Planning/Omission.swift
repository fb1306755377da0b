/// A part of the source that is not copied on request.
///
/// The ledger remembers it from the first call on, so that cutover leaves out what precopy left out.
public enum Omission: String, Sendable, Codable, CaseIterable, Hashable {
    /// Owners; every object belongs to the role that creates it.
    case owners
    /// GRANTs and REVOKEs.
    case privileges
    /// Tablespaces; everything goes to the target's default.
    case tablespaces
    /// Event triggers; only a superuser may create them.
    case eventTriggers = "event-triggers"
    /// Publications; only a superuser may create one for all tables.
    case publications
    /// Subscriptions; only a superuser of the source may read them.
    case subscriptions
    /// Large objects.
    case largeObjects = "large-objects"
    /// Settings made with ALTER DATABASE and ALTER ROLE … IN DATABASE, and the database's comment, rights and connection
    /// limit.
    case databaseSettings = "database-settings"

    /// The validation of foreign keys, left until after cutover.
    ///
    /// Foreign keys of partitioned tables are validated anyway: they cannot exist unvalidated.
    case foreignKeyValidation = "foreign-key-validation"

    /// The command-line option that requests it.
    package var flag: String {
        switch self {
        case .owners: "--no-owner"
        case .foreignKeyValidation: "--foreign-keys later"
        default: "--no-\(rawValue)"
        }
    }
}
