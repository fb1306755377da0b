/// Looks every half second what a call's sessions wait for, tells it, and decides what is to end.
///
/// - Whoever waits for a lock of somebody else's is told about, and ends with the first request to stop.
/// - A session that gives way ends when somebody has waited two seconds for what it holds: whoever reads that table meanwhile
///   waits behind him.
/// - A session that waits behind somebody who waits for us would wait for ever. The server does not see it: it is not one of
///   our sessions that is in its own way, but another.
struct LockWatcher {
    private static let interval = Duration.milliseconds(500)
    /// What takes less time is nobody's concern.
    private static let worthALook = Duration.seconds(1)
    /// How long the application's change of a definition may wait for a session that gives way.
    private static let patienceOfOthers = Duration.seconds(2)
    private static let patienceWithStandstill = Duration.seconds(5)
    private static let secondsBetweenNotes = Duration.seconds(5)

    private let watch: SessionWatch
    private let endpoint: Endpoint
    /// Since when somebody else waits for us.
    private var waiting: [Int: ContinuousClock.Instant] = [:]
    private var told: [String: ContinuousClock.Instant] = [:]

    init?(_ endpoint: Endpoint) {
        guard let watch = endpoint.watch else { return nil }
        self.watch = watch
        self.endpoint = endpoint.unwatched.asSessionUser
    }

    /// Looks until the task is cancelled.
    mutating func run() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.interval)
            guard isWorthALook else { continue }
            // A server that is away, or has no room for another session, is asked again.
            try? await lookAgainAndAgain()
        }
    }

    private var isWorthALook: Bool {
        watch.with { state in state.sessions.values.contains { $0.isBusy(for: Self.worthALook) } }
    }

    private mutating func lookAgainAndAgain() async throws {
        let name = watch.name
        // The run's name tells whoever counts the sessions on the source which are its own. On the target what bears it is
        // ended when a client takes over.
        let purpose = watch.side == .source ? "\(name ?? "tidemark") watch" : "tidemark watch"
        try await ThreadConfined.with(endpoint, purpose: purpose) { connection in
            while watch.side == .target || watch.name == name {
                if isWorthALook {
                    let waits = try await connection.run { try LockWait.all(on: $0) }
                    let children = judge(waits)
                    if !children.isEmpty {
                        try await connection.run { connection in
                            for pid in children {
                                try connection.execute("SELECT pg_catalog.pg_terminate_backend(\(pid))")
                            }
                        }
                    }
                }
                try await Task.sleep(for: Self.interval)
            }
        }
    }

    /// - Returns: The server processes of child processes that are to be ended.
    private mutating func judge(_ waits: [Int: LockWait]) -> [Int] {
        let (sessions, name) = watch.with { ($0.sessions, $0.name.map { ServerText($0) }) }
        func isOurs(_ session: LockWait.Session) -> Bool {
            sessions[session.pid] != nil || name.map { session.name.begins(with: $0) } == true
        }
        var ending: [Int: PostgresError] = [:]
        let ours = waits.values.filter { isOurs($0.waiter) }.sorted { $0.waiter.pid < $1.waiter.pid }
        for wait in ours where !wait.blockers.allSatisfy(isOurs) {
            // What has only just begun to wait mostly need not wait long.
            guard sessions[wait.waiter.pid]?.isInStatement(for: Self.worthALook) ?? true else { continue }
            note("waiting for \(wait.subject) on the \(watch.side.rawValue), locked by \(wait.holders)")
            if watch.isStopped() { ending[wait.waiter.pid] = Self.stopped }
        }
        let others = waits.values.filter { wait in !isOurs(wait.waiter) && wait.blockers.contains(where: isOurs) }
        let now = ContinuousClock.now
        waiting = waiting.filter { pid, _ in others.contains { $0.waiter.pid == pid } }
        for wait in others where watch.side == .source {
            let since = waiting[wait.waiter.pid, default: now]
            waiting[wait.waiter.pid] = since
            let inItsWay = wait.blockers.filter { blocker in
                isOurs(blocker) && sessions[blocker.pid]?.givesWay ?? endpoint.givesWay
            }
            let behind = ours.filter { $0.allBlockers(waits).contains(wait.waiter.pid) }
            if !inItsWay.isEmpty {
                guard since.duration(to: now) >= Self.patienceOfOthers else { continue }
                note("giving way to \(wait.waiter.description), which waits for \(wait.subject)")
                for blocker in inItsWay { ending[blocker.pid] = Self.gaveWay(to: wait) }
            } else {
                note(
                    "\(wait.waiter.description) waits for \(wait.subject), which this run keeps as it is until it has ended"
                )
                // What others hold for a chunk alone they let go of by themselves.
                let isForGood = wait.blockers.contains { sessions[$0.pid]?.isHolder == true }
                guard isForGood, !behind.isEmpty, since.duration(to: now) >= Self.patienceWithStandstill else {
                    continue
                }
                let standstill = Self.standstill(wait)
                watch.with { $0.standstill = standstill }
                for session in behind { ending[session.waiter.pid] = standstill }
            }
        }
        return end(ending, sessions)
    }

    private func end(_ ending: [Int: PostgresError], _ sessions: [Int: WatchedSession]) -> [Int] {
        var children: [Int] = []
        for (pid, reason) in ending {
            if let session = sessions[pid] {
                session.end(because: reason)
            } else {
                children.append(pid)
                watch.with { $0.hasEndedChild = true }
            }
        }
        return children
    }

    private mutating func note(_ message: String) {
        let now = ContinuousClock.now
        if let last = told[message], last.duration(to: now) < Self.secondsBetweenNotes { return }
        told[message] = now
        watch.tell(message)
    }

    // MARK: Reasons

    private static let stopped = PostgresError(.cancelled, "stopped while it waited for a lock")

    private static func gaveWay(to wait: LockWait) -> PostgresError {
        PostgresError(
            .gaveWay,
            "gave way to \(wait.waiter.description), which waits for \(wait.subject)",
            hint: "run the same command again: it goes on from what is committed"
        )
    }

    private static func standstill(_ wait: LockWait) -> PostgresError {
        PostgresError(
            .standstill,
            "the source was not quiet: \(wait.waiter.description) waits for \(wait.subject), which this run reads in its "
                + "snapshot, and the run waits behind it",
            hint: "let the other session finish, or end it, then run the same command again"
        )
    }
}
