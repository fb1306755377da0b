import Catalog
import Planning
import Postgres
import Verification

/// The reasons for which a run does not begin, each with what to do.
///
/// Nothing has been written when one of them is thrown.
enum Refusals {
    private static let oldestSource = 12

    /// Refuses one database as both source and target.
    ///
    /// - Parameters:
    ///   - source: The source.
    ///   - target: The target.
    /// - Throws: ``PlanError`` when they are the same.
    static func same(_ source: DatabaseIdentity, _ target: DatabaseIdentity) throws {
        guard !source.isSameDatabase(as: target) else {
            throw PlanError(
                .refused,
                "source and target are the same database: \(source.databaseName.visible) "
                    + "(compared by \(source.evidence))",
                hint: "check --source and --target; nothing was written"
            )
        }
    }

    /// Refuses a source that is too old, and a target that is older than the source.
    ///
    /// - Parameters:
    ///   - source: The source.
    ///   - target: The target.
    ///   - archived: Whether the source is known from an archive.
    /// - Throws: ``PlanError``.
    static func versions(_ source: DatabaseIdentity, _ target: DatabaseIdentity, archived: Bool = false) throws {
        guard source.serverVersion.major >= oldestSource else {
            throw PlanError(
                .refused,
                "the source is PostgreSQL \(source.serverVersion); 12 is the oldest supported version"
            )
        }
        guard target.serverVersion.major >= source.serverVersion.major else {
            throw PlanError(
                .refused,
                "the \(archived ? "archive" : "source") is PostgreSQL \(source.serverVersion), "
                    + "newer than the target's \(target.serverVersion)",
                hint: "definitions can only move to the same or a newer major version of PostgreSQL"
            )
        }
    }

    /// Refuses definitions with tables that the source did not have when its catalog was read: their rows would not be copied.
    ///
    /// - Parameters:
    ///   - entries: The definitions.
    ///   - source: What the source contained before.
    /// - Throws: ``PlanError``.
    static func tablesCreatedMeanwhile(in entries: [DefinitionEntry], since source: DatabaseCatalog) throws {
        let known = Set(source.tables.map(\.oid))
        let created = entries.filter { $0.tableOid.map { !known.contains($0) } ?? false }
        guard !created.isEmpty else { return }
        let names = created.prefix(5).map(\.qualifiedName.description).joined(separator: ", ")
        throw PlanError(
            .refused,
            "the source's schema was changed a moment ago: \(names) was created",
            hint: "run the same command again; nothing was written"
        )
    }

    /// Refuses objects that the target's server would refuse.
    ///
    /// - Parameters:
    ///   - findings: What was found; only findings that stop the migration count.
    ///   - hint: What to do.
    /// - Throws: ``PlanError`` that names the first 20.
    static func stopping(
        _ findings: [Finding],
        hint: String = "tidemark inspect shows more; nothing was written"
    ) throws {
        let stopping = findings.filter { $0.severity == .stops }
        guard !stopping.isEmpty else { return }
        let list = stopping.prefix(20).map { "\($0.kind) \($0.object): \($0.message)" }
        throw PlanError(
            .refused,
            "the target server would refuse objects of the source:\n    " + list.joined(separator: "\n    ")
                + (stopping.count > list.count ? "\n    and \(stopping.count - list.count) more" : ""),
            hint: hint
        )
    }

    /// Refuses a target that cannot be filled: a standby, or a database in which the role may not create.
    ///
    /// - Parameters:
    ///   - target: The target.
    ///   - connection: A connection to it.
    /// - Throws: ``PlanError``, ``PostgresError``.
    static func unfit(_ target: DatabaseIdentity, on connection: Connection) throws {
        guard !target.isInRecovery else {
            throw PlanError(.refused, "the target is a standby and accepts no writes", hint: "connect to its primary")
        }
        let rights = try connection.queryOne(
            """
            SELECT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS may_create,
                   pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY') AS may_use_temporary
            """
        )
        let missing = try [
            rights.boolean("may_create") ? nil : ("CREATE", "schemas"),
            rights.boolean("may_use_temporary") ? nil : ("TEMPORARY", "temporary tables"),
        ].compactMap(\.self)
        guard missing.isEmpty else {
            let (role, database) = (Identifier(target.roleName), Identifier(target.databaseName))
            let privileges = missing.map(\.0).joined(separator: ", ")
            throw PlanError(
                .refused,
                "role \(target.roleName.visible) may not create \(missing.map(\.1).joined(separator: " and ")) in the target "
                    + "\(target.databaseName.visible): it has no \(privileges) on the database",
                hint:
                    "GRANT \(privileges) ON DATABASE \(database.quoted.visible) TO \(role.quoted.visible), or make it the owner: "
                    + "ALTER DATABASE \(database.quoted.visible) OWNER TO \(role.quoted.visible)"
            )
        }
    }
}
