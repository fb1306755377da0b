/// A kind of database object that the proof compares, by the name that queries, reports and findings use.
///
/// The order is the order of reports. A new kind is a case here, with the query that reads it; the compiler then names
/// every place that decides about kinds (its rules stand in Verification, `ObjectKind+Rules.swift`). A server's answer or
/// an archive with an unknown kind is an error.
package enum ObjectKind: String, Sendable, Hashable, Codable, CaseIterable, Comparable {
    case schema
    case `extension`
    case language
    case accessMethod = "access method"
    case enumeration = "enum"
    case domain
    case compositeType = "composite type"
    case rangeType = "range type"
    case baseType = "base type"
    case collation
    case conversion
    case cast
    case transform
    case function
    case procedure
    case aggregate
    case `operator`
    case operatorClass = "operator class"
    case operatorFamily = "operator family"
    case textSearchConfiguration = "text search configuration"
    case textSearchDictionary = "text search dictionary"
    case textSearchParser = "text search parser"
    case textSearchTemplate = "text search template"
    case foreignDataWrapper = "foreign-data wrapper"
    case server
    case userMapping = "user mapping"
    case foreignTable = "foreign table"
    case table
    case column
    case viewDefault = "view default"
    case view
    case materializedView = "materialized view"
    case sequence
    case trigger
    case rule
    case policy
    case statisticsObject = "statistics object"
    case eventTrigger = "event trigger"
    case publication
    case publishedTable = "published table"
    case subscription
    case owner
    case privileges
    case extensionGrant = "extension grant"
    case defaultPrivileges = "default privileges"
    case comment
    case securityLabel = "security label"

    /// By the order of reports.
    package static func < (left: Self, right: Self) -> Bool { left.position < right.position }

    private static let positions = Dictionary(
        uniqueKeysWithValues: allCases.enumerated().map { ($0.element, $0.offset) }
    )
    private var position: Int { Self.positions[self] ?? 0 }

    /// Whether it is a relation whose parts are reported with it.
    package var isRelation: Bool {
        [.table, .foreignTable, .view, .materializedView].contains(self)
    }

    /// The file of `Queries/Compared` that reads it; one file may read several kinds.
    var query: [UInt8] {
        switch self {
        case .schema: PackageResources.compared_schemas_sql
        case .extension: PackageResources.compared_extensions_sql
        case .language, .accessMethod, .cast, .transform, .conversion: PackageResources.compared_languages_sql
        case .enumeration, .domain, .compositeType, .rangeType, .baseType: PackageResources.compared_types_sql
        case .collation: PackageResources.compared_collations_sql
        case .function, .procedure, .aggregate: PackageResources.compared_functions_sql
        case .operator, .operatorClass, .operatorFamily: PackageResources.compared_operators_sql
        case .textSearchConfiguration, .textSearchDictionary, .textSearchParser, .textSearchTemplate:
            PackageResources.compared_text_search_sql
        case .foreignDataWrapper, .server, .userMapping, .foreignTable: PackageResources.compared_foreign_sql
        case .table, .view, .materializedView: PackageResources.compared_relations_sql
        case .column, .viewDefault: PackageResources.compared_columns_sql
        case .sequence: PackageResources.compared_sequences_sql
        case .trigger, .rule: PackageResources.compared_triggers_sql
        case .policy: PackageResources.compared_policies_sql
        case .statisticsObject: PackageResources.compared_statistics_sql
        case .eventTrigger: PackageResources.compared_event_triggers_sql
        case .publication, .publishedTable, .subscription: PackageResources.compared_publications_sql
        case .owner: PackageResources.compared_owners_sql
        case .privileges, .extensionGrant, .defaultPrivileges: PackageResources.compared_privileges_sql
        case .comment, .securityLabel: PackageResources.compared_comments_sql
        }
    }
}
