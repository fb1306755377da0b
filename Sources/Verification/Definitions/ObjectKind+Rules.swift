import Catalog
import Planning
import Postgres

/// What a kind's differences mean.
///
/// All values not given are those of an ordinary kind.
struct ObjectKindRules: Sendable {
    /// The option that leaves the kind out.
    var omission: Omission?
    /// If the target lacks an object; nil if another finding covers it.
    var missing: Finding.Severity? = .stops
    /// If only the target has an object; nil if another finding covers it.
    var extra: Finding.Severity? = .hurts
    /// If an attribute differs that is not among `attributes`.
    var difference: Finding.Severity = .stops
    /// Attributes with a severity of their own; nil if they may differ.
    var attributes: [ServerText: Finding.Severity?] = [:]
    /// Attributes that a server prints from what it has parsed; another server, or the same one later, may print them
    /// differently.
    var printed: [ServerText] = []
    /// What stands for an attribute that the role may not read: a difference from it says nothing.
    var hidden: ServerText?
    /// Whether dropping an object loses rows or a sequence's position.
    var holdsData = false
    /// Whether the attributes are names of roles, or there is only one: then a finding's problem is "differs".
    var hasOneProblem = false
}

extension ObjectKind {
    /// The rules of each kind; the compiler demands them of a new one.
    var rules: ObjectKindRules {
        switch self {
        case .accessMethod, .enumeration, .compositeType, .rangeType, .baseType, .conversion, .cast, .transform,
            .aggregate, .operator, .operatorClass, .operatorFamily, .textSearchConfiguration, .textSearchDictionary,
            .textSearchParser, .textSearchTemplate, .foreignDataWrapper, .server, .foreignTable:
            .init()
        case .userMapping: .init(hidden: "hidden from this role")
        // Hosting providers add such objects to every database.
        case .schema, .language: .init(extra: .note)
        case .extension: .init(extra: .note, attributes: ["version": .note], holdsData: true)
        case .domain: .init(printed: ["default", "checks"])
        // Statements that name their columns, like those of this tool, are not affected by their order.
        case .collation: .init(attributes: ["order": .note], printed: ["locale", "character classes"])
        case .function: .init(attributes: ["cost": .hurts, "rows": .hurts], printed: ["body", "arguments"])
        case .procedure: .init(attributes: ["cost": .hurts], printed: ["body", "arguments"])
        case .table:
            .init(
                attributes: [
                    "order of columns": .note, "options": .hurts, "TOAST options": .hurts, "access method": .hurts,
                    "replica identity": .hurts,
                ],
                printed: ["partition key"],
                holdsData: true
            )
        case .column:
            .init(
                attributes: [
                    "storage": .hurts, "compression": .hurts, "statistics target": .hurts, "options": .hurts,
                    "inheritance": .note,
                ],
                printed: ["default"],
                holdsData: true
            )
        case .viewDefault: .init(printed: ["default"])
        case .view: .init(attributes: ["columns": nil as Finding.Severity?], printed: ["definition"])
        case .materializedView:
            .init(
                attributes: ["columns": nil as Finding.Severity?, "populated": .hurts, "access method": .hurts],
                printed: ["definition"]
            )
        case .sequence: .init(holdsData: true)
        case .trigger, .rule: .init(printed: ["definition"])
        case .policy: .init(printed: ["USING", "WITH CHECK"])
        case .statisticsObject: .init(missing: .hurts, difference: .hurts, printed: ["definition"])
        case .eventTrigger: .init(omission: .eventTriggers, missing: .hurts, extra: .note, difference: .hurts)
        case .publication: .init(omission: .publications, missing: .hurts, difference: .hurts)
        case .publishedTable:
            .init(omission: .publications, missing: .hurts, difference: .hurts, printed: ["row filter"])
        case .subscription: .init(omission: .subscriptions, missing: .hurts, difference: .hurts)
        // A missing one is reported with the object itself.
        case .owner: .init(omission: .owners, missing: nil, extra: nil, difference: .hurts, hasOneProblem: true)
        case .privileges: .init(omission: .privileges, missing: nil, extra: nil, hasOneProblem: true)
        case .extensionGrant:
            .init(omission: .privileges, missing: .hurts, extra: .note, difference: .hurts, hasOneProblem: true)
        case .defaultPrivileges:
            .init(omission: .privileges, missing: .hurts, extra: .note, difference: .hurts, hasOneProblem: true)
        case .comment, .securityLabel:
            .init(missing: .hurts, extra: .note, difference: .hurts, hasOneProblem: true)
        }
    }
}
