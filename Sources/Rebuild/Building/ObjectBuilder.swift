import Glibc
package import Ledger
package import Postgres
import Synchronization

/// Builds keys, indexes and constraints, one statement after the other, until none is left.
///
/// Each statement is committed together with its line in the ledger, so a killed build is neither half done nor done
/// twice.
package struct ObjectBuilder {
    /// How long a build waits for its table's lock: longer than a server takes to cancel its own autovacuum.
    private static let lockTimeout: SQL = "'5s'"

    private static let microsecondsBetweenLooks: UInt32 = 100_000
    private static let looksForAClaim = 20

    /// The server's clock, between statements of one round trip.
    private static let clock: SQL =
        "SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint AS microseconds"

    private let connection: Connection
    private let claimant: Claimant
    private let share: BuildShare
    private let stop: StopRequest
    private let failures: BuildFailures
    private let atWork: BuildsAtWork
    private let uniqueColumns: [QualifiedName: [ServerText]]
    private let built: @Sendable (ObjectEntry, Duration) -> Void

    /// - Parameters:
    ///   - connection: A connection to the target.
    ///   - claimant: Who builds.
    ///   - budget: The memory and workers that the connection gets its share of.
    ///   - stop: Ends the work between two statements.
    ///   - failures: Collects foreign keys that the rows violate, while others are validated.
    ///   - atWork: Is told what is being built.
    ///   - uniqueColumns: For each index, the columns whose duplicates are listed if they prevent the build.
    ///   - built: Called after each commit with the object as it was before the statement, and the duration.
    /// - Throws: ``PostgresError``.
    package init(
        _ connection: Connection,
        claimant: Claimant,
        budget: BuildBudget,
        stop: StopRequest,
        failures: BuildFailures,
        atWork: BuildsAtWork,
        uniqueColumns: [QualifiedName: [ServerText]],
        built: @escaping @Sendable (ObjectEntry, Duration) -> Void
    ) throws {
        self.connection = connection
        self.claimant = claimant
        self.stop = stop
        self.failures = failures
        self.atWork = atWork
        self.uniqueColumns = uniqueColumns
        self.built = built
        share = try budget.share(on: connection)
    }

    /// Builds the objects of some stages.
    ///
    /// - Parameters:
    ///   - stages: The stages that may be built now.
    ///   - pass: See ``Ledger/claimObject(_:settledIn:passingOver:)``.
    ///   - isOver: Ends the work between two statements.
    ///   - mayMoreCome: While true, an empty list is checked again, because copying continues and completes tables.
    /// - Throws: ``PostgresError``, ``LedgerError``.
    package func build(
        _ stages: [RebuildStage],
        settledIn pass: Int?,
        until isOver: () -> Bool = { false },
        while mayMoreCome: () -> Bool = { false }
    ) throws {
        var idleLooks = 0
        while !stop.isRequested, !isOver() {
            let isLastLook = !mayMoreCome()
            // Another process may finish a table that was postponed here, so only a pause that lasts counts.
            let isPassingOver = !failures.postponed.now.isEmpty
            if pass == nil, Set(stages).isSubset(of: [.key, .index]), try retrying({ try buildSmall(stages) }) {
                continue
            }
            if try retrying({ try buildNext(stages, settledIn: pass) }) { continue }
            if isLastLook, !isPassingOver { return }
            // A claim writes, so while rows are copied for hours, it is tried only now and then unless there is something.
            repeat {
                idleLooks += 1
                usleep(Self.microsecondsBetweenLooks)
            } while try idleLooks % Self.looksForAClaim != 0 && mayMoreCome() && !stop.isRequested && !isOver()
                && retrying { try !Ledger(connection).hasObjects(toBuildIn: stages, settledIn: pass) }
        }
    }

    /// Postpones the objects of a table that another session has locked; rethrows any other error.
    private func postponing(_ object: ObjectEntry?, _ error: PostgresError) throws -> Bool {
        guard error.sqlState == "55P03", let object else { throw error }
        failures.postponed.postpone(object.table)
        return true
    }

    /// Builds all objects of some small tables in one transaction: with thousands of tables, separate transactions
    /// would take most of the time.
    private func buildSmall(_ stages: [RebuildStage]) throws -> Bool {
        var current: ObjectEntry?
        var finished: [(object: ObjectEntry, duration: Duration)] = []
        do {
            try connection.transaction(.readWrite) {
                let ledger = claimant.ledger(on: connection)
                let objects = try ledger.claimObjectsOfSmallTables(stages, passingOver: failures.postponed.now)
                guard !objects.isEmpty else { return }
                // A build allocates memory as it needs it; none of these comes near its share.
                var statements: [SQL] = ["SET LOCAL lock_timeout = \(Self.lockTimeout)", share.settings, Self.clock]
                let steps = objects.flatMap { object in
                    (object.stepsDone..<object.statements.count).map { object.after($0 - object.stepsDone) }
                }
                let ends = steps.map { object in
                    statements += object.nextCommands + [Self.clock]
                    return statements.count
                }
                switch try connection.pipeline([statements])[0] {
                case .refused(let error, let position):
                    current = zip(steps, ends).first { position < $1 }?.0
                    throw current.map { error.during("building \($0.description)") } ?? error
                case .done(let answers):
                    let times = try answers.compactMap(\.rows.first).filter { $0.has("microseconds") }
                        .map { try $0.integer("microseconds") }
                    for (step, object) in steps.enumerated() {
                        finished.append((object, .microseconds(times[step + 1] - times[step])))
                    }
                }
                StatusPoint.objectBuilt.reached()
                try ledger.complete(objects)
                try ledger.record(
                    finished.map {
                        Ledger.Event("build", $0.object.statements[$0.object.stepsDone].string, duration: $0.duration)
                    }
                )
            }
        } catch let error as PostgresError where error.sqlState == "23505" {
            throw current.map { withDuplicates(error, $0) } ?? error
        } catch let error as PostgresError {
            return try postponing(current, error)
        }
        for (object, duration) in finished {
            failures.postponed.resume(object.table)
            built(object, duration)
        }
        return !finished.isEmpty
    }

    private func buildNext(_ stages: [RebuildStage], settledIn pass: Int?) throws -> Bool {
        let clock = ContinuousClock()
        let start = clock.now
        var claimed: ObjectEntry?
        defer { if let claimed { atWork.end(claimed) } }
        let object: ObjectEntry?
        do {
            object = try connection.transaction(.readWrite) {
                let ledger = claimant.ledger(on: connection)
                let locked = failures.postponed.now
                claimed = try ledger.claimObject(stages, settledIn: pass, passingOver: failures.objects, locked)
                guard let object = claimed else { return nil }
                atWork.begin(object)
                let statement = SQL(trusted: object.statements[object.stepsDone])
                let settings = share.settings(for: statement, bytes: object.bytes)
                try during("building \(object.description)") {
                    try connection.together(
                        ["SET LOCAL lock_timeout = \(Self.lockTimeout)", settings] + object.nextCommands
                    )
                }
                StatusPoint.objectBuilt.reached()
                try ledger.completeStatement(of: object)
                try ledger.record("build", subject: statement.text.string, duration: start.duration(to: clock.now))
                return object
            }
        } catch let error as PostgresError where error.sqlState == "23503" {
            guard let claimed, claimed.stage == .validation || claimed.stage == .partitionValidation else {
                throw error
            }
            failures.add(withOrphans(error, claimed), object: claimed.objectId)
            return true
        } catch let error as PostgresError where error.sqlState == "23505" {
            throw claimed.map { withDuplicates(error, $0) } ?? error
        } catch let error as PostgresError {
            return try postponing(claimed, error)
        }
        guard let object else { return false }
        failures.postponed.resume(object.table)
        built(object, start.duration(to: clock.now))
        return true
    }

    private func withOrphans(_ error: PostgresError, _ object: ObjectEntry) -> PostgresError {
        let table = object.table
        let orphans = ForeignKeyOrphans.description(of: object.objectName, on: table, connection)
        return error.explained(
            orphans ?? "target: \(error.description)",
            hint: ForeignKeyOrphans.hint
        )
    }

    private func withDuplicates(_ error: PostgresError, _ object: ObjectEntry) -> PostgresError {
        let table = object.table
        let columns = uniqueColumns[QualifiedName(schema: table.schema, name: object.objectName)] ?? []
        let found = DuplicateRows.description(of: columns.map { Identifier($0) }, in: table, connection)
        return error.explained(
            found ?? error.message,
            hint:
                "the source has the same duplicates, which its own unique index should have refused; it is damaged: look there "
                + "with enable_indexscan and enable_bitmapscan off, repair the rows, and run again"
        )
    }

    private func retrying<Result>(_ body: () throws -> Result) throws -> Result {
        try Retry.transientFailures(
            unless: stop,
            recover: { [connection] _ in if connection.isBroken { try connection.reconnect() } },
            body
        )
    }
}

extension ObjectEntry {
    /// The commands of the next statement: an index in a tablespace of its own needs a setting as well, which must not stay.
    fileprivate var nextCommands: [SQL] {
        var pieces = SQLStatements(Array(statements[stepsDone].utf8))
        var commands: [SQL] = []
        while let piece = pieces.next() { commands.append(SQL(trusted: ServerText(bytes: piece))) }
        return commands.count > 1 ? commands + ["SET LOCAL default_tablespace = ''"] : commands
    }
}
