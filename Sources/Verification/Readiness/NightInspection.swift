package import Catalog
package import Planning
import Postgres

/// What to say days ahead about risks of the night; a pure function.
package enum NightInspection {
    /// A table that is copied whole is named from this size on, in bytes.
    private static let worthSaying = 64 << 20
    /// A transaction that has been open for this long is named, in seconds.
    private static let longTransaction = 300
    /// What one worker copies on modest hardware; the finding states this assumption.
    private static let assumedBytesPerSecond = 50 << 20

    /// Returns what is found.
    ///
    /// - Parameters:
    ///   - risks: What the source has shown.
    ///   - plan: How each table would be treated; nil if there is no plan.
    /// - Returns: The findings, in no order.
    package static func findings(_ risks: [NightRisk], plan: Plan?) -> [Finding] {
        risks.compactMap(finding) + (plan.map(keyless) ?? [])
    }

    private static func finding(_ risk: NightRisk) -> Finding? {
        let name = risk.schema.map { QualifiedName(schema: $0, name: risk.name).description } ?? risk.name.visible
        switch risk.kind {
        case "long transaction" where risk.amount < longTransaction: return nil
        case "long transaction":
            return Finding(
                "session",
                object: name,
                problem: "long-transaction",
                severity: .note,
                "its transaction has been open for \(risk.amount / 60) minutes (\((risk.detail ?? "?").visible)): on the night the "
                    + "cutover would wait for it if it has written, and stop; until then every precopy copies again what was "
                    + "written since it began"
            )
        case "unlogged table":
            return Finding(
                "table",
                object: name,
                problem: "unlogged",
                severity: .note,
                "it is unlogged: a crash of the target empties it, and the next precopy or cutover copies it again"
            )
        case "sequence":
            return Finding(
                "sequence",
                object: name,
                problem: "near-its-end",
                severity: .hurts,
                "it has used \(risk.amount) % of its values (\((risk.detail ?? "?").visible)): INSERTs fail when they are used up, "
                    + "on either side; give it and its column a larger type before the migration"
            )
        case "transaction ids":
            return Finding(
                "database",
                object: name,
                problem: "wraparound",
                severity: .hurts,
                "\(risk.amount) transactions are not frozen yet: autovacuum to prevent wraparound may run during the night, and "
                    + "takes disk and CPU; let it finish days ahead (VACUUM FREEZE)"
            )
        default: return nil
        }
    }

    /// Tables that are copied whole on the night because nothing identifies their rows.
    private static func keyless(_ plan: Plan) -> [Finding] {
        plan.tables(.whole).filter { $0.key == nil && $0.tableBytes >= worthSaying }.map { table in
            Finding(
                "table",
                object: table.name.description,
                problem: "no-key",
                severity: .hurts,
                "no key identifies its rows (\(table.reason)): it is copied whole during the night, "
                    + "\(table.tableBytes >> 20) MiB, about \(max(1, table.tableBytes / assumedBytesPerSecond)) s at 50 MiB/s; "
                    + "a primary key, or a unique index over NOT NULL columns, would let it be copied ahead"
            )
        }
    }
}
