import Catalog
import Ledger
import Postgres

/// What of the source must not be written between the last snapshot and the verdict.
struct Watch: Sendable {
    /// What this run's sessions are called.
    let session: String
    let tables: [WatchedTable]
    /// Tables whose rows are not copied.
    let uncopied: Set<UInt32>
    /// Whether large objects are copied.
    let withLargeObjects: Bool
    /// Up to this size of all tables together their row versions are read rather than counters asked.
    let readableBytes: Int

    /// Whether all tables are read again.
    var readsRows: Bool { tables.reduce(0) { $0 + $1.bytes } <= readableBytes }

    /// The same for large objects alone.
    var ofLargeObjects: Watch {
        Watch(
            session: session,
            tables: [],
            uncopied: [],
            withLargeObjects: withLargeObjects,
            readableBytes: readableBytes
        )
    }

    /// What was found.
    enum Written {
        /// By which evidence.
        case nothing(String)
        /// Where.
        case written([ServerText])
        /// Why it cannot be told.
        case unknown(String)
    }

    /// Who has written and may still commit; autovacuum apart.
    func writers(_ connection: Connection) throws -> [String] {
        try OpenWriters.find(on: connection, uncopied: uncopied, withLargeObjects: withLargeObjects)
    }

    /// Whether a snapshot was taken while nobody was writing: what is in flight in it commits behind the run's back.
    ///
    /// - Parameters:
    ///   - patience: After which any moment will do; the end of the run says who was there.
    ///   - tell: Receives what is waited for.
    /// - Returns: Asks, and waits a moment before it says no.
    func nobodyWrites(
        patience: Duration,
        _ tell: @escaping @Sendable (String) -> Void
    ) -> (ThreadConfined<Connection>) async throws -> Bool {
        var waiting = Waiting(patience: patience, tell)
        return { connection in
            let writers = try await connection.run { try self.writers($0) }
            guard !writers.isEmpty else { return true }
            return try await !waiting.goesOn(Self.reason(writers))
        }
    }

    private static func reason(_ writers: [String]) -> String {
        "waiting until transactions on the source that have written end: \(list(writers))"
    }

    private static func list(_ names: [String]) -> String {
        names.prefix(5).joined(separator: ", ") + (names.count > 5 ? ", …" : "")
    }

    /// Waits for those who have written and may still commit.
    ///
    /// - Returns: Who has not ended within the patience, for people; nil: nobody is left.
    func waitForWriters(
        _ connection: ThreadConfined<Connection>,
        patience: Duration,
        _ tell: @escaping @Sendable (String) -> Void
    ) async throws -> String? {
        var waiting = Waiting(patience: patience, tell)
        while true {
            let writers = try await connection.run { try self.writers($0) }
            guard !writers.isEmpty else { return nil }
            guard try await waiting.goesOn(Self.reason(writers)) else {
                return
                    "\(writers.count) transactions on the source have written and may still commit: \(Self.list(writers))"
            }
        }
    }

    /// Looks for rows that were written since a snapshot.
    ///
    /// - Parameters:
    ///   - before: The counters from before it.
    ///   - holder: The connection that holds it.
    ///   - connection: The source, where nobody has written and may still commit.
    ///   - patience: How long sessions may take to hand in what they have counted.
    ///   - tell: Receives what is waited for.
    /// - Returns: What was found.
    /// - Throws: ``PostgresError``.
    func written(
        since before: Quiet.Baseline,
        heldBy holder: ThreadConfined<Connection>,
        on connection: ThreadConfined<Connection>,
        patience: Duration,
        _ tell: @escaping @Sendable (String) -> Void
    ) async throws -> Written {
        let largeObjects = try await connection.run { try self.largeObjects($0) }
        guard readsRows else {
            let names = Set(tables.map(\.name) + (largeObjects == nil ? [] : Quiet.largeObjectTables))
            let counted = try await counted(names, since: before, on: connection, patience: patience, tell)
            guard case .written(let counting) = counted else { return counted }
            return try await reread(counting, largeObjects ?? [], holder, connection, tell)
        }
        if let table = try await firstRewritten(tables + (largeObjects ?? []), holder, connection) {
            return .written([table])
        }
        guard let largeObjects, largeObjects.isEmpty else { return .nothing("row versions") }
        let ofLargeObjects = try await counted(
            Set(Quiet.largeObjectTables),
            since: before,
            on: connection,
            patience: patience,
            tell
        )
        guard case .nothing(let evidence) = ofLargeObjects else { return ofLargeObjects }
        return .nothing("row versions; of large objects \(evidence)")
    }

    /// Asks the counters, once everybody who may hold some back has handed them in.
    ///
    /// - Parameters:
    ///   - names: The tables that count.
    ///   - before: The counters from before the snapshot.
    ///   - connection: The source.
    ///   - patience: How long sessions may take.
    ///   - tell: Receives what is waited for.
    /// - Returns: What they say; an upper bound of what was written.
    /// - Throws: ``PostgresError``.
    func counted(
        _ names: Set<ServerText>,
        since before: Quiet.Baseline,
        on connection: ThreadConfined<Connection>,
        patience: Duration,
        _ tell: @escaping @Sendable (String) -> Void
    ) async throws -> Written {
        let company = Company(session)
        if let blindness = try await connection.run({ try company.blindness($0, since: before) }) {
            return .unknown(blindness)
        }
        let deadline = ContinuousClock.now + patience
        while true {
            let left = ContinuousClock.now.duration(to: deadline)
            let restless = try await company.settle(connection, since: before, patience: left, tell)
            guard restless.isEmpty else { return .unknown(Company.reason(restless)) }
            if let writing = try await waitForWriters(connection, patience: left, tell) { return .unknown(writing) }
            let after = try await connection.run { try Counters($0) }
            if let blindness = try await connection.run({ try company.blindness($0, since: before) }) {
                return .unknown(blindness)
            }
            guard after.epoch == before.counters.epoch else {
                return .unknown("its counters of rows written were reset, or the server has crashed, in the meantime")
            }
            let written = after.tables(otherThanIn: before.counters).filter(names.contains)
            guard written.isEmpty else { return .written(written) }
            // Whoever has begun something in this moment may hold back what the counters should have told.
            if try await connection.run({ try company.restless($0, since: before).isEmpty }) {
                return .nothing("counters")
            }
        }
    }

    /// Reads the tables again whose counters have gone on: what was rolled back was counted as well.
    private func reread(
        _ counting: [ServerText],
        _ largeObjects: [WatchedTable],
        _ holder: ThreadConfined<Connection>,
        _ connection: ThreadConfined<Connection>,
        _ tell: @Sendable (String) -> Void
    ) async throws -> Written {
        let wanted = Set(counting)
        let readable = (tables + largeObjects).filter { wanted.contains($0.name) }
        let unreadable = wanted.subtracting(readable.map(\.name))
        guard unreadable.isEmpty else { return .written(unreadable.sorted()) }
        let list = Self.list(counting.map(\.visible))
        tell("reading again what the counters say was written, or rolled back, since the snapshot: \(list)")
        if let table = try await firstRewritten(readable, holder, connection) { return .written([table]) }
        return .nothing("counters; row versions of \(list)")
    }

    /// The first table with other row versions than in the snapshot, the smallest read first.
    private func firstRewritten(
        _ tables: [WatchedTable],
        _ holder: ThreadConfined<Connection>,
        _ connection: ThreadConfined<Connection>
    ) async throws -> ServerText? {
        for table in tables.sorted(by: { $0.bytes < $1.bytes }) {
            async let then = holder.run { try RowVersions(of: table, on: $0) }
            let now = try await connection.run { connection in
                try connection.transaction(.snapshot) { try RowVersions(of: table, on: connection) }
            }
            if try await then != now { return table.name }
        }
        return nil
    }

    /// What large objects are kept in, as tables; empty where the role may not read them, nil where there is none.
    func largeObjects(_ connection: Connection) throws -> [WatchedTable]? {
        guard withLargeObjects else { return nil }
        let found = try connection.queryOne(
            """
            SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata) AS are_there,
                   pg_catalog.has_table_privilege('pg_catalog.pg_largeobject'::pg_catalog.regclass, 'SELECT')
                   AND pg_catalog.pg_relation_size('pg_catalog.pg_largeobject'::pg_catalog.regclass)
                       <= \(value: String(readableBytes))::pg_catalog.int8 AS are_readable
            """
        )
        guard try found.boolean("are_there") else { return nil }
        guard try found.boolean("are_readable") else { return [] }
        return Quiet.largeObjectTables.map { WatchedTable(name: $0, rows: "\(SQL(trusted: $0))", bytes: 0) }
    }
}

extension Watch {
    init(_ session: Session, readableBytes: Int) {
        let copied = session.copiedRelations
        let names = Set(copied.map(\.name))
        self.init(
            session: session.run.sessionPrefix,
            tables: copied.map(WatchedTable.init)
                + session.migration.options.plan.wanted(session.source.extensionTables)
                .filter { !$0.isSequence }.map(WatchedTable.init),
            uncopied: Set(session.source.tables.filter { !names.contains($0.qualifiedName) }.map(\.oid)),
            withLargeObjects: !session.omissions.contains(.largeObjects),
            readableBytes: readableBytes
        )
    }
}
