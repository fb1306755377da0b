package import Catalog
import Postgres

/// Decides how each table is treated.
///
/// Pure: no connection, no clock, no environment.
package struct Planner {
    /// The maximum number of chunks of a table whose rows are not on disk in key order (random uuids): every chunk reads
    /// the whole table.
    private static let chunksOfScatteredKey = 8

    private let source: DatabaseCatalog
    private let options: PlanOptions
    private let settled: SettledTables
    private let filters: [QualifiedName: String]
    private let order: TextOrder
    private let indexes: [UInt32: [Index]]
    private let partitions: PartitionTree

    /// - Parameters:
    ///   - source: The source's catalog.
    ///   - target: The identity of the target; nil when planning without one.
    ///   - options: The operator's decisions.
    ///   - settled: Earlier decisions that can no longer be changed.
    package init(
        source: DatabaseCatalog,
        target: DatabaseIdentity?,
        options: PlanOptions,
        settled: SettledTables = .none
    ) {
        self.source = source
        self.options = options
        self.settled = settled
        filters = options.filters.merging(settled.filters) { _, settled in settled }
        order = TextOrder(source.identity, target)
        indexes = Dictionary(grouping: source.indexes, by: \.tableOid)
        partitions = source.partitions
    }

    /// Makes the plan, with each table still a single range; ``KeyDistribution`` cuts them.
    ///
    /// - Throws: ``PlanError`` if an option names a table that does not exist, or a table cannot be read.
    package func plan() throws -> Plan {
        try refuseUnknownTables()
        let plans = try source.tables.filter { !partitions.ancestors(of: $0).contains(where: isCopiedThrough) }.map(
            plan(for:)
        )
        try refuseUnreadable(plans)
        try refuseUnreadableSequences()
        return Plan(
            tables: plans.sorted { $0.tableBytes > $1.tableBytes },
            warnings: warnings(plans),
            suggestions: suggestions(plans)
        )
    }

    private func plan(for table: Table) throws -> TablePlan {
        if table.isPartitioned, !isCopiedThrough(table) { return planWithoutRows(table) }
        let bytes =
            table.isPartitioned ? partitions.leaves(of: table).reduce(0) { $0 + $1.tableBytes } : table.tableBytes
        let ofTable = indexes[table.oid] ?? []
        let key = Key.choose(for: table, among: ofTable, earlier: settled.keys[table.qualifiedName], order)
        let (treatment, reason) = try treatment(of: table, key: key, bytes)
        let wanted = treatment.isCopiedAhead ? wantedChunks(of: table, key: key, bytes: bytes) : 1
        let immutableBelow = try immutableBelow(of: table, treatment)
        let isBinary = !table.copiedColumns.isEmpty && table.copiedColumns.allSatisfy(\.isBinarySafe)
        return TablePlan(
            name: table.qualifiedName,
            isPartitioned: table.isPartitioned,
            treatment: treatment,
            reason: reason,
            key: treatment.isCopiedAhead ? key : nil,
            format: isBinary ? .binary : .text,
            estimatedRows: table.estimatedRows,
            tableBytes: bytes,
            hasOtherUniqueKeys: hasOtherUniqueKeys(table, than: key, among: ofTable),
            ranges: treatment.copiesRows ? [.everything] : [],
            filter: filter(of: table),
            immutableBelow: immutableBelow,
            wantedChunks: wanted,
            isShared: options.isStage && treatment.copiesRows
        )
    }

    /// The condition on a table's rows: its own, or that of the partitioned table it belongs to.
    private func filter(of table: Table) -> String? {
        ([table] + partitions.ancestors(of: table)).lazy.compactMap { filters[$0.qualifiedName] }.first
    }

    /// Plans a partitioned table whose rows are copied with its partitions.
    private func planWithoutRows(_ table: Table) -> TablePlan {
        TablePlan(
            name: table.qualifiedName,
            isPartitioned: true,
            treatment: askedTreatment(of: table) == .excluded ? .excluded : .definitionOnly,
            reason: "its rows are in its partitions",
            key: nil,
            format: .text,
            estimatedRows: 0,
            tableBytes: 0,
            hasOtherUniqueKeys: false,
            ranges: [],
            filter: nil,
            wantedChunks: 0
        )
    }

    /// Whether a row may belong to another partition on the target, so that rows have to be copied through this table.
    ///
    /// Enums are hashed by the object ids of their labels, and text by its bytes; ranges of text depend on a collation.
    private func isCopiedThrough(_ table: Table) -> Bool {
        guard let strategy = table.partitionStrategy, let names = table.partitionColumns,
            askedTreatment(of: table) != .excluded
        else { return false }
        return names.contains { name in
            guard let column = name.flatMap(table.column) else { return strategy == .hash }
            return switch strategy {
            case .hash: column.typeKind == .enumeration || (!column.sortOrder.isEmpty && !order.encodesAlike)
            case .range: !order.isNative(column) && (column.isComparable || !column.sortOrder.isEmpty)
            case .list: false
            }
        }
    }

    private func treatment(of table: Table, key: Key?, _ bytes: Int) throws -> (Treatment, String) {
        if let begun = settled.treatments[table.qualifiedName] {
            return begun.isCopiedAhead && key == nil
                ? (.whole, "no key identifies its rows any longer") : (begun, "as decided at the start")
        }
        if let asked = askedTreatment(of: table) {
            if asked.isCopiedAhead, key == nil {
                throw PlanError(
                    .usage,
                    "\(table.qualifiedName) cannot be treated as \(asked.rawValue): no primary key and no unique index over NOT NULL columns",
                    hint: "let it be copied whole (the default), or add a key on the source"
                )
            }
            return (asked, "as requested")
        }
        guard key != nil else {
            return (.whole, "no key identifies its rows")
        }
        if bytes < options.wholeBelowBytes { return (.whole, "small") }
        return (
            .delta,
            table.isPartitioned ? "large, with a key; rows may change partition on the target" : "large, with a key"
        )
    }

    private func immutableBelow(of table: Table, _ treatment: Treatment) throws -> ServerText? {
        guard let bound = options.immutableBelow[table.qualifiedName] else { return nil }
        guard treatment.isCopiedAhead else {
            throw PlanError(
                .usage,
                "\(table.qualifiedName) has a bound below which it is immutable, but its treatment is \(treatment.rawValue)",
                hint: "remove the bound: only tables copied ahead (delta, append_only) have chunks that can be skipped"
            )
        }
        return ServerText(bound)
    }

    /// The treatment decided for a table or, if there is none, for its nearest partitioned parent.
    private func askedTreatment(of table: Table) -> Treatment? {
        if let begun = settled.treatments[table.qualifiedName] { return begun }
        for candidate in [table] + partitions.ancestors(of: table) {
            if let asked = options.treatments[candidate.qualifiedName] { return asked }
        }
        if options.isStage, filter(of: table) == nil { return .excluded }
        return nil
    }

    private func wantedChunks(of table: Table, key: Key?, bytes: Int) -> Int {
        let bySize = max(1, (bytes + options.chunkBytes - 1) / options.chunkBytes)
        guard let key else { return 1 }
        return key.isScattered(in: table) ? min(bySize, Self.chunksOfScatteredKey) : bySize
    }

    private func hasOtherUniqueKeys(_ table: Table, than key: Key?, among indexes: [Index]) -> Bool {
        // With a nondeterministic collation or citext, 'a' may become 'A' and move to another chunk but stay the same
        // key.
        let isKeyAmbiguous =
            key?.parts.contains {
                $0.comparison == .asText || table.column($0.name)?.isCollationDeterministic == false
            } ?? false
        return isKeyAmbiguous || indexes.contains { ($0.isUnique || $0.isExclusion) && $0.name != key?.indexName }
    }

    // MARK: Refusals and warnings

    private func refuseUnknownTables() throws {
        let known = Set(source.tables.map(\.qualifiedName) + (source.extensionTables ?? []).map(\.qualifiedName))
        let named = Set(options.treatments.keys).union(options.filters.keys).union(options.immutableBelow.keys)
        let unknown = named.filter { !known.contains($0) }.sorted()
        guard let first = unknown.first else { return }
        let alike = known.filter { $0.name.string.lowercased() == first.name.string.lowercased() }.sorted().first
        throw PlanError(
            .usage,
            "the options name \(unknown.count == 1 ? "a table" : "tables") that the source does not have: "
                + unknown.map(\.description).joined(separator: ", "),
            hint: alike.map { "did you mean \($0)?" }
                ?? "give names as schema.table, exactly as the catalog spells them; list them with: tidemark plan"
        )
    }

    private func refuseUnreadable(_ plans: [TablePlan]) throws {
        let copied = Set(plans.filter(\.treatment.copiesRows).map(\.name))
        let role = source.identity.roleName
        let unreadable = source.tables.filter { copied.contains($0.qualifiedName) && !$0.isReadable }.map(
            \.qualifiedName
        )
        guard unreadable.isEmpty else {
            throw PlanError(
                .refused,
                "role \(role.visible) may not read \(unreadable.count) \(unreadable.count == 1 ? "table" : "tables") of the source: "
                    + Self.shortList(unreadable),
                hint:
                    "GRANT USAGE ON SCHEMA … and GRANT SELECT ON TABLE … TO \(Identifier(role).quoted.visible), or leave them out with --exclude"
            )
        }
        let hidden = source.tables.filter { copied.contains($0.qualifiedName) && $0.isRowSecurityActive }.map(
            \.qualifiedName
        )
        guard hidden.isEmpty else {
            throw PlanError(
                .refused,
                "row-level security would hide rows of \(hidden.count) \(hidden.count == 1 ? "table" : "tables") from role \(role.visible): "
                    + Self.shortList(hidden),
                hint: "connect as the tables' owner or as a role with BYPASSRLS, or leave them out with --exclude"
            )
        }
    }

    private func refuseUnreadableSequences() throws {
        let unreadable = source.sequences.filter { !$0.isReadable }.map(\.qualifiedName)
        guard unreadable.isEmpty else {
            let role = source.identity.roleName
            throw PlanError(
                .refused,
                "role \(role.visible) may not read \(unreadable.count) \(unreadable.count == 1 ? "sequence" : "sequences") of the source: "
                    + Self.shortList(unreadable),
                hint: "GRANT SELECT ON ALL SEQUENCES IN SCHEMA … TO \(Identifier(role).quoted.visible)"
            )
        }
    }

    private func warnings(_ plans: [TablePlan]) -> [String] {
        var warnings: [String] = []
        let identity = source.identity
        if identity.systemIdentifier == nil {
            warnings.append(
                "the source is identified by \(identity.evidence); "
                    + "after a restart of the source all chunks are compared instead of trusted"
            )
        }
        if identity.preparedTransactions > 0 {
            warnings.append("prepared transactions are pending on the source: \(identity.preparedTransactions)")
        }
        let keyless = plans.filter {
            $0.treatment == .whole && $0.reason != "small" && $0.tableBytes >= options.wholeBelowBytes
        }
        for table in keyless {
            warnings.append("\(table.name) is copied whole each time (\(table.reason))")
        }
        for index in source.indexes where !index.isUsable && !index.isPartitioned {
            warnings.append("index \(index.qualifiedName) is INVALID on the source and is not created on the target")
        }
        let excluded = Set(plans.filter { !$0.treatment.isOnTarget }.map(\.name))
        for constraint in source.constraints {
            guard let referenced = constraint.referenced, excluded.contains(referenced),
                !excluded.contains(constraint.tableQualifiedName)
            else { continue }
            warnings.append(
                "foreign key \"\(constraint.name.visible)\" of \(constraint.tableQualifiedName) is left out: "
                    + "it references \(referenced), which is excluded"
            )
        }
        return warnings
    }

    /// Suggests treatments; statistics are only a hint, because a crash may have reset them.
    private func suggestions(_ plans: [TablePlan]) -> [String] {
        plans.filter { $0.treatment == .delta && !$0.isPartitioned }.compactMap { plan in
            guard let table = source.table(plan.name), table.rowsInserted > 0, table.rowsChanged == 0 else {
                return nil
            }
            let since = source.identity.statisticsSince.map { " since \($0)" } ?? ""
            return "\(plan.name): rows were only added\(since): \(table.rowsInserted); if that is always the case, "
                + "declare append_only in tidemark.yaml: the delta then only counts its old rows"
        }
    }

    private static func shortList(_ names: [QualifiedName]) -> String {
        let shown = names.sorted().prefix(10).map(\.description).joined(separator: ", ")
        return names.count > 10 ? "\(shown), and \(names.count - 10) more" : shown
    }
}
