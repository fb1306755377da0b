import Catalog
package import Ledger
import Planning
package import Postgres

/// Objects of the target that would act on copied rows, or that the definitions after the rows create anew: foreign keys,
/// triggers, rules, policies, statistics objects, publications, subscriptions, event triggers.
///
/// They are dropped before rows are copied, never by CASCADE, and the cutover creates them from the source's definitions.
package struct ActingObjects {
    private let ledger: Ledger
    private var connection: Connection { ledger.connection }

    /// - Parameter ledger: The ledger, in the transaction that drops the objects; it records each of them.
    package init(_ ledger: Ledger) {
        self.ledger = ledger
    }

    /// Drops those on tables, views and domains.
    ///
    /// - Parameters:
    ///   - excluded: Tables that are left out.
    ///   - isDropped: Whether objects of a kind, such as `trigger`, are dropped.
    /// - Returns: A note that counts them; empty if there were none.
    /// - Throws: ``PostgresError``.
    package func dropOnTables(
        excluding excluded: Set<QualifiedName>,
        where isDropped: (_ kind: String) -> Bool = { _ in true }
    ) throws -> [String] {
        let scope = Scope(excluding: excluded, omitting: try Ledger.run(on: connection)?.omissions ?? [])
        let objects = try connection.query(AdoptedObject.self, CatalogQuery.adoptedObjects).filter {
            scope.contains($0.table) && isDropped($0.kind)
        }
        for object in objects {
            try connection.execute(SQL(trusted: object.statement))
            try ledger.record("dropped", subject: "\(object.kind) \(Identifier(object.name).quoted) on \(object.table)")
        }
        guard !objects.isEmpty else { return [] }
        let kinds = Dictionary(grouping: objects, by: \.kind).sorted { $0.key < $1.key }
        let counts = kinds.map { "\($0.value.count) \($0.key)" }.joined(separator: ", ")
        return ["dropped on the target until the cutover recreates them: \(counts)"]
    }

    /// Drops the foreign keys, which stayed until now, because the tables they belong to have changed.
    ///
    /// - Parameter excluded: Tables that are left out.
    /// - Returns: A note that counts them; empty if there were none.
    /// - Throws: ``PostgresError``.
    package func dropForeignKeys(excluding excluded: Set<QualifiedName>) throws -> [String] {
        let notes = try dropOnTables(excluding: excluded) { $0 == Self.foreignKey }
        try ledger.reopenForeignKeys()
        return notes
    }

    /// The kind of a foreign key.
    package static let foreignKey = "foreign key"

    /// Drops publications, subscriptions and event triggers.
    ///
    /// - Parameter isOurs: Whether one is dropped, by its kind (`PUBLICATION`) and name.
    /// - Returns: The others, for people.
    /// - Throws: ``PostgresError``.
    package func dropOfDatabase(where isOurs: (_ kind: String, _ name: ServerText) -> Bool) throws -> [String] {
        let found = try Self.ofDatabase(on: connection)
        for object in found where isOurs(object.kind, object.name) {
            let subject: SQL = "\(SQL(trusted: object.kind)) \(Identifier(object.name))"
            if object.kind == "SUBSCRIPTION" {
                // Its slot may belong to another subscription by now; without it, DROP does not contact the publisher.
                try connection.execute("ALTER \(subject) DISABLE")
                try connection.execute("ALTER \(subject) SET (slot_name = NONE)")
            }
            try connection.execute("DROP \(subject)")
            try ledger.record("dropped", subject: "\(object.kind.lowercased()) \(object.name.visible)")
        }
        return found.filter { !isOurs($0.kind, $0.name) }.map { "\($0.kind.lowercased()) \($0.name.visible)" }
    }

    /// Returns the publications, subscriptions and event triggers of a database, by kind and name.
    package static func ofDatabase(on connection: Connection) throws -> [(kind: String, name: ServerText)] {
        try connection.query(
            """
            SELECT 'PUBLICATION' AS kind, pubname AS name FROM pg_catalog.pg_publication
            UNION ALL
            SELECT 'SUBSCRIPTION', subname FROM pg_catalog.pg_subscription
            WHERE subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
            UNION ALL
            SELECT 'EVENT TRIGGER', evtname FROM pg_catalog.pg_event_trigger e
            WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
                              WHERE x.classid = 'pg_catalog.pg_event_trigger'::pg_catalog.regclass
                                AND x.objid = e.oid AND x.deptype = 'e')
            """
        ).map { (kind: try $0.word("kind"), name: try $0.text("name")) }
    }
}
