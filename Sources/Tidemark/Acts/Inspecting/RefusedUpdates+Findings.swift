import Catalog
import Postgres
import Verification

extension RefusedUpdates {
    /// Says days ahead on which tables a newer target refuses what the source allows.
    ///
    /// - Parameters:
    ///   - source: A connection to the source.
    ///   - target: The target's version; nil while there is no target.
    ///   - options: What is copied.
    /// - Returns: One finding for each table, in no order.
    /// - Throws: ``PostgresError``.
    static func findings(
        on source: Connection,
        for target: ServerVersion?,
        _ options: MigrationOptions
    ) throws -> [Finding] {
        guard source.serverVersion.major < firstMajor, (target?.major ?? firstMajor) >= firstMajor,
            !options.isStage, !options.omissions.contains(.publications)
        else { return [] }
        return try all(on: source).filter { !options.omissions.contains(.schema($0.schema)) }.map { refused in
            let which = refused.publications.map(\.visible).joined(separator: ", ")
            return Finding(
                "table",
                object: refused.table.description,
                problem: "refuses-updates",
                severity: target == nil ? .note : .stops,
                "PostgreSQL \(firstMajor) and newer refuse UPDATE and DELETE on it: its replica identity has a generated column that "
                    + "publication \(which) does not publish. Choose another replica identity on the source, or on the target, after "
                    + "the cutover: \(refused.repair)"
            )
        }
    }
}
