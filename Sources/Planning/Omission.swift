/// A part of the source that was asked not to be brought over.
///
/// The ledger remembers it from the first call on, so that the night leaves out what precopy did.
public enum Omission: String, Sendable, Codable, CaseIterable, Hashable {
    /// Who owns what: everything belongs to the role that makes it.
    case owners
    /// GRANTs and REVOKEs.
    case privileges
    /// Where tables and indexes lie: everything goes to the target's default.
    case tablespaces
    /// Event triggers: only a superuser may make them.
    case eventTriggers = "event-triggers"
    /// Publications: one for all tables only a superuser may make.
    case publications
    /// Subscriptions: only a superuser of the source may read them.
    case subscriptions
    /// Large objects.
    case largeObjects = "large-objects"
    /// What ALTER DATABASE and ALTER ROLE … IN DATABASE have set, the database's comment, rights and connection limit.
    case databaseSettings = "database-settings"

    /// The look at the rows by which foreign keys are validated: left until after the night. Those of partitioned
    /// tables are validated all the same, they cannot be without.
    case foreignKeyValidation = "foreign-key-validation"

    /// What the command line calls it.
    package var flag: String {
        switch self {
        case .owners: "--no-owner"
        case .foreignKeyValidation: "--foreign-keys later"
        default: "--no-\(rawValue)"
        }
    }
}
