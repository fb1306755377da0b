import Catalog
import Ledger
import Postgres
import Report

/// The parts of the source that must not be written between the last snapshot and the verdict.
struct Watch: Sendable {
    /// The prefix of this run's session names.
    let session: String
    let tables: [WatchedTable]
    /// Tables whose rows are not copied.
    let uncopied: Set<UInt32>
    /// Whether large objects are copied.
    let withLargeObjects: Bool
    /// Up to this size of all tables together, in bytes, their row versions are read instead of the counters.
    let readableBytes: Int

    /// Whether the row versions of all tables are read.
    var readsRows: Bool { tables.reduce(0) { $0 + $1.bytes } <= readableBytes }

    /// The same for large objects only.
    var ofLargeObjects: Watch {
        Watch(
            session: session,
            tables: [],
            uncopied: [],
            withLargeObjects: withLargeObjects,
            readableBytes: readableBytes
        )
    }

    /// The result of a check.
    enum Written {
        /// Nothing was written, by this evidence.
        case nothing(String)
        /// These tables were written.
        case written([ServerText])
        /// It is unknown, for this reason.
        case unknown(String)
    }

    /// Returns the transactions that have written and may still commit.
    func writers(_ connection: Connection) throws -> [OpenTransaction] {
        try OpenWriters.find(on: connection, uncopied: uncopied, withLargeObjects: withLargeObjects)
    }

    /// Returns a check for whether a snapshot was taken while no transaction was writing.
    ///
    /// A transaction in flight in the snapshot may commit rows that the target does not get.
    ///
    /// - Parameters:
    ///   - patience: The time after which any snapshot is accepted; the report then names the writers.
    ///   - note: Receives a line about each wait.
    /// - Returns: A closure that waits a moment before it returns false.
    func nobodyWrites(
        patience: Duration,
        _ note: @escaping @Sendable (String) -> Void
    ) -> (ThreadConfined<Connection>) async throws -> Bool {
        var waiting = Waiting(patience: patience, note)
        return { connection in
            let writers = try await connection.run { try self.writers($0) }
            guard !writers.isEmpty else { return true }
            return try await !waiting.goesOn(Self.reason(writers, patience))
        }
    }

    private static func reason(_ writers: [OpenTransaction], _ patience: Duration) -> String {
        "waiting up to \(patience.components.seconds) s until transactions on the source that have written end: "
            + list(writers.map(\.description))
    }

    private static func list(_ names: [String]) -> String {
        names.prefix(5).joined(separator: ", ") + (names.count > 5 ? ", …" : "")
    }

    /// Waits until the transactions that have written end.
    ///
    /// - Returns: Those that did not end in time.
    func waitForWriters(
        _ connection: ThreadConfined<Connection>,
        patience: Duration,
        _ note: @escaping @Sendable (String) -> Void
    ) async throws -> [OpenTransaction] {
        var waiting = Waiting(patience: patience, note)
        while true {
            let writers = try await connection.run { try self.writers($0) }
            guard !writers.isEmpty, try await waiting.goesOn(Self.reason(writers, patience)) else { return writers }
        }
    }

    /// What the report says about transactions that did not end.
    ///
    /// - Parameter transactions: The transactions.
    /// - Returns: The text; nil if there are none.
    static func description(of transactions: [OpenTransaction]) -> String? {
        transactions.isEmpty
            ? nil
            : "transactions on the source have written and may still commit: \(list(transactions.map(\.description)))"
    }

    /// Finds tables that were written since a snapshot.
    ///
    /// - Parameters:
    ///   - before: The counters from before it.
    ///   - holder: The connection that holds it.
    ///   - connection: The source, on which no transaction that has written is open.
    ///   - patience: How long to wait for sessions to report their counts.
    ///   - note: Receives a line about each wait.
    /// - Returns: The result.
    /// - Throws: ``PostgresError``.
    func written(
        since before: QuietBaseline,
        heldBy holder: ThreadConfined<Connection>,
        on connection: ThreadConfined<Connection>,
        patience: Duration,
        _ note: @escaping @Sendable (String) -> Void
    ) async throws -> Written {
        let largeObjects = try await connection.run { try self.largeObjects($0) }
        guard readsRows else {
            let names = Set(tables.map(\.name) + (largeObjects == nil ? [] : LargeObjectTables.names))
            let counted = try await counted(names, since: before, on: connection, patience: patience, note)
            guard case .written(let counting) = counted else { return counted }
            return try await reread(counting, largeObjects: largeObjects ?? [], heldBy: holder, on: connection, note)
        }
        if let table = try await firstRewritten(among: tables + (largeObjects ?? []), heldBy: holder, on: connection) {
            return .written([table])
        }
        guard let largeObjects, largeObjects.isEmpty else { return .nothing("row versions") }
        let ofLargeObjects = try await counted(
            Set(LargeObjectTables.names),
            since: before,
            on: connection,
            patience: patience,
            note
        )
        guard case .nothing(let evidence) = ofLargeObjects else { return ofLargeObjects }
        return .nothing("row versions; of large objects \(evidence)")
    }

    /// Reads the counters once all sessions have reported their counts.
    ///
    /// - Parameters:
    ///   - names: The tables to check.
    ///   - before: The counters from before the snapshot.
    ///   - connection: The source.
    ///   - patience: How long to wait for other sessions.
    ///   - note: Receives a line about each wait.
    /// - Returns: The tables that count more rows; an upper bound of those that were written.
    /// - Throws: ``PostgresError``.
    func counted(
        _ names: Set<ServerText>,
        since before: QuietBaseline,
        on connection: ThreadConfined<Connection>,
        patience: Duration,
        _ note: @escaping @Sendable (String) -> Void
    ) async throws -> Written {
        let company = Company(session)
        if let blindness = try await connection.run({ try company.blindness($0, since: before.readAt) }) {
            return .unknown(blindness)
        }
        let deadline = ContinuousClock.now + patience
        while true {
            let left = ContinuousClock.now.duration(to: deadline)
            let restless = try await company.settle(connection, since: before.readAt, patience: left, note)
            guard restless.isEmpty else { return .unknown(Company.reason(restless)) }
            let open = try await waitForWriters(connection, patience: left, note)
            if let writing = Self.description(of: open) { return .unknown(writing) }
            let after = try await connection.run { try Counters($0) }
            if let blindness = try await connection.run({ try company.blindness($0, since: before.readAt) }) {
                return .unknown(blindness)
            }
            guard after.epoch == before.counters.epoch else {
                return .unknown("the counters of rows written were reset meanwhile, or lost in a crash of the server")
            }
            let written = after.tables(otherThanIn: before.counters).filter(names.contains)
            guard written.isEmpty else { return .written(written) }
            // A session that has just become active may hold counts that are missing here.
            if try await connection.run({ try company.restless($0, since: before.readAt).isEmpty }) {
                return .nothing("counters")
            }
        }
    }

    /// Finds tables that are known to be written since a snapshot, without waiting for sessions to report their counts.
    ///
    /// - Parameters:
    ///   - before: The counters from before it.
    ///   - holder: The connection that holds it.
    ///   - connection: The source.
    ///   - note: Receives a line about tables that are read again.
    /// - Returns: The tables; there may be more.
    /// - Throws: ``PostgresError``.
    func knownWritten(
        since before: QuietBaseline,
        heldBy holder: ThreadConfined<Connection>,
        on connection: ThreadConfined<Connection>,
        _ note: @Sendable (String) -> Void
    ) async throws -> [ServerText] {
        guard !readsRows else {
            return try await firstRewritten(among: tables, heldBy: holder, on: connection).map { [$0] } ?? []
        }
        let after = try await connection.run { try Counters($0) }
        guard after.epoch == before.counters.epoch else { return [] }
        let counting = after.tables(otherThanIn: before.counters).filter(Set(tables.map(\.name)).contains)
        guard !counting.isEmpty,
            case .written(let written) = try await reread(
                counting,
                largeObjects: [],
                heldBy: holder,
                on: connection,
                note
            )
        else { return [] }
        return written
    }

    /// Reads the tables whose counters have increased, because rows of rolled-back transactions are counted too.
    private func reread(
        _ counting: [ServerText],
        largeObjects: [WatchedTable],
        heldBy holder: ThreadConfined<Connection>,
        on connection: ThreadConfined<Connection>,
        _ note: @Sendable (String) -> Void
    ) async throws -> Written {
        let wanted = Set(counting)
        let readable = (tables + largeObjects).filter { wanted.contains($0.name) }
        let unreadable = wanted.subtracting(readable.map(\.name))
        guard unreadable.isEmpty else { return .written(unreadable.sorted()) }
        let list = Self.list(counting.map(\.visible))
        note("reading again the tables that count rows written, or rolled back, since the snapshot: \(list)")
        if let table = try await firstRewritten(among: readable, heldBy: holder, on: connection) {
            return .written([table])
        }
        return .nothing("counters; row versions of \(list)")
    }

    /// Returns the first table whose row versions differ from the snapshot; the smallest are read first.
    func firstRewritten(
        among tables: [WatchedTable],
        heldBy holder: ThreadConfined<Connection>,
        on connection: ThreadConfined<Connection>
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

    /// Returns the tables that hold large objects; empty if the role may not read them, nil if there are no large objects.
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
        return LargeObjectTables.names.map { WatchedTable(name: $0, rows: "\(SQL(trusted: $0))", bytes: 0) }
    }
}

extension Watch {
    init(_ session: Session, readableBytes: Int) {
        let copied = session.copiedRelations
        let names = Set(copied.map(\.name))
        self.init(
            session: session.run.sessionPrefix,
            tables: copied.map(WatchedTable.init)
                + session.context.options.wanted(session.source.extensionTables)
                .filter { !$0.isSequence }.map(WatchedTable.init),
            uncopied: Set(session.source.tables.filter { !names.contains($0.qualifiedName) }.map(\.oid)),
            withLargeObjects: !session.scope.omits(.largeObjects),
            readableBytes: readableBytes
        )
    }
}
