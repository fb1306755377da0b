import Catalog
import Ledger
import Planning
import Postgres

/// What the ledger records, in the same transaction.
extension DriftFollower {
    // MARK: The ledger

    func note(_ outcome: inout Outcome) throws {
        try ledger.giveWay(drift.changes.filter(\.isRenamed).map(\.relation))
        let plans = Dictionary(keepingFirst: plan.tables.map { ($0.name, $0) })
        for change in drift.changes {
            guard let plan = plans[change.later.qualifiedName] else {
                try ledger.remove(change.relation)
                outcome.notes.append(
                    "\(change.later.qualifiedName): its rows are now copied through the root of its partition tree"
                )
                continue
            }
            let again = change.reasonToCopyAgain
            try ledger.follow(change.relation, to: change.later, plan, isCopiedAgain: again != nil)
            let name = change.isRenamed ? ["renamed from \(change.relation.name)"] : []
            let end = again.map { "; its rows are copied again: \($0)" } ?? ""
            let note = "\(change.later.qualifiedName): \((name + change.differences).joined(separator: "; "))\(end)"
            outcome.notes.append(note)
            try ledger.record("followed", subject: note, relation: change.relation.relationId)
        }
        for table in drift.added {
            guard let plan = plans[table.qualifiedName] else { continue }
            try ledger.enter(plan, table)
            outcome.notes.append("\(table.qualifiedName) is new on the source, treatment: \(plan.treatment.rawValue)")
            try ledger.record("followed", subject: "\(table.qualifiedName) is new")
        }
        try noteDefinitions(&outcome)
        // The objects were entered before their tables.
        try ledger.linkObjects()
    }

    /// Notes what was created, recreated or dropped, apart from tables.
    private func noteDefinitions(_ outcome: inout Outcome) throws {
        let left = Set(outcome.left.map(\.identity))
        func notable(_ entries: [DefinitionEntry]) -> [DefinitionEntry] {
            entries.filter { !$0.isOfTable && !left.contains($0.identity) }
        }
        let notes =
            notable(changes.added).map { "\($0.description) is new on the source: created" }
            + notable(changes.changed.filter(\.isView)).map { "\($0.description) changed on the source: recreated" }
            + notable(changes.gone.filter { $0.isView || $0.kind == "SEQUENCE" }).map {
                "\($0.description) no longer exists on the source: dropped"
            }
        for note in notes { try ledger.record("followed", subject: note) }
        outcome.notes += notes
    }

    func keepDefinitions(_ outcome: inout Outcome) throws {
        let left = Set(outcome.left.map(\.identity))
        let altered = Set(followed.filter(\.isAlteration).map(\.later.oid))
        let renamed = Set(drift.changes.filter(\.isRenamed).map(\.later.qualifiedName))
        let kept = changes.changed.filter { entry in
            guard let earlier = changes.earlier(entry), !left.contains(entry.identity) else { return false }
            switch entry.kind {
            case "TABLE":
                guard let oid = entry.tableOid else { return false }
                return (altered.contains(oid) || renamed.contains(entry.qualifiedName))
                    && earlier.settings == entry.settings
            case _ where entry.isView: return true
            case "SEQUENCE": return earlier.qualifiedName != entry.qualifiedName
            // Followed with the columns.
            case "DEFAULT": return true
            // Its table has another name.
            case "SEQUENCE OWNED BY": return true
            // Followed with the tables.
            case "TABLE ATTACH": return true
            case "TYPE": return source.enumerations.contains { $0.qualifiedName == entry.qualifiedName }
            default: return false
            }
        }
        try ledger.keep(changes.added.filter { !left.contains($0.identity) } + kept)
        let names = Set(drift.gone.map(\.name) + drift.changes.map(\.relation.name))
        try ledger.forget(
            try changes.gone.filter { entry in
                guard !left.contains(entry.identity) else { return false }
                switch entry.kind {
                case "TABLE", "TABLE ATTACH", "DEFAULT": return true
                case _ where entry.isView: return true
                case "SEQUENCE", "SEQUENCE OWNED BY": return try !isThere(entry.qualifiedName)
                case "COMMENT":
                    // Dropped with its object, or created under the object's new name.
                    if let commented = entry.commentedConstraint, try isGone(commented) { return true }
                    return entry.subject.map(names.contains) ?? false
                default: return false
                }
            }
        )
    }
}
