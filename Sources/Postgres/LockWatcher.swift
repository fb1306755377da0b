/// Checks every half second what a call's sessions wait for, reports it, and decides which sessions to end.
///
/// - A session of ours that waits for another client's lock is reported, and ended at the first request to stop.
/// - A session that gives way is ended when another client has waited two seconds for its lock: readers of that table
///   queue up behind that client.
/// - A session that waits behind a client which waits for us would wait forever. The server does not detect this as a
///   deadlock, because the client waits for a different session of ours.
struct LockWatcher {
    private static let interval = Duration.milliseconds(500)
    /// Sessions busy for less than this are not looked at.
    private static let worthALook = Duration.seconds(1)
    /// How long another client may wait for a session that gives way.
    private static let patienceOfOthers = Duration.seconds(2)
    private static let patienceWithStandstill = Duration.seconds(5)
    private static let secondsBetweenNotes = Duration.seconds(5)

    private let watch: SessionWatch
    private let endpoint: Endpoint
    /// Since when other clients wait for us, by server process.
    private var waiting: [Int: ContinuousClock.Instant] = [:]
    private var noted: [String: ContinuousClock.Instant] = [:]

    init?(_ endpoint: Endpoint) {
        guard let watch = endpoint.watch else { return nil }
        self.watch = watch
        self.endpoint = endpoint.unwatched.asSessionUser
    }

    /// Watches until the task is cancelled.
    mutating func run() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.interval)
            guard isWorthALook else { continue }
            // If the server is unavailable or has no free connection, try again.
            try? await lookAgainAndAgain()
        }
    }

    private var isWorthALook: Bool {
        watch.with { state in state.sessions.values.contains { $0.isBusy(for: Self.worthALook) } }
    }

    private mutating func lookAgainAndAgain() async throws {
        let name = watch.name
        // On the source the run's name marks the session as one of its own. On the target a client that takes over ends
        // all sessions with that name.
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

    /// - Returns: The server processes of child processes' sessions that should be ended.
    private mutating func judge(_ waits: [Int: LockWait]) -> [Int] {
        let (sessions, name) = watch.with { ($0.sessions, $0.name.map { ServerText($0) }) }
        func isOurs(_ session: LockWait.Session) -> Bool {
            sessions[session.pid] != nil || name.map { session.name.begins(with: $0) } == true
        }
        // Worker processes watch their own sessions: an error of theirs ends nothing here.
        func isOfWorker(_ session: LockWait.Session) -> Bool {
            sessions[session.pid] == nil && name.map { session.name.begins(with: $0 + " worker ") } == true
        }
        var ending: [Int: PostgresError] = [:]
        let ours = waits.values.filter { isOurs($0.waiter) }.sorted { $0.waiter.pid < $1.waiter.pid }
        for wait in ours where !wait.blockers.allSatisfy(isOurs) {
            // A wait that has only just begun usually ends soon.
            guard sessions[wait.waiter.pid]?.isInStatement(for: Self.worthALook) ?? true else { continue }
            note("waiting for \(wait.subject) on the \(watch.side.rawValue), locked by \(wait.holders)")
            if watch.stop.isRequested { ending[wait.waiter.pid] = Self.stopped }
        }
        let others = waits.values.filter { wait in
            !isOurs(wait.waiter) && wait.blockers.contains { isOurs($0) && !isOfWorker($0) }
        }
        let now = ContinuousClock.now
        waiting = waiting.filter { pid, _ in others.contains { $0.waiter.pid == pid } }
        for wait in others where watch.side == .source {
            let since = waiting[wait.waiter.pid, default: now]
            waiting[wait.waiter.pid] = since
            let inItsWay = wait.blockers.filter { blocker in
                isOurs(blocker) && !isOfWorker(blocker) && sessions[blocker.pid]?.givesWay ?? endpoint.givesWay
            }
            let behind = ours.filter { !isOfWorker($0.waiter) && $0.allBlockers(waits).contains(wait.waiter.pid) }
            if !inItsWay.isEmpty {
                guard since.duration(to: now) >= Self.patienceOfOthers else { continue }
                note("giving way to \(wait.waiter.description), which waits for \(wait.subject)")
                for blocker in inItsWay { ending[blocker.pid] = Self.gaveWay(to: wait) }
            } else {
                note(
                    "\(wait.waiter.description) waits for \(wait.subject), which this run keeps locked until it ends"
                )
                // Locks held only for a chunk are released when the chunk is done.
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
        if let last = noted[message], last.duration(to: now) < Self.secondsBetweenNotes { return }
        noted[message] = now
        watch.note(message)
    }

    // MARK: Reasons

    private static let stopped = PostgresError(.cancelled, "stopped while waiting for a lock")

    private static func gaveWay(to wait: LockWait) -> PostgresError {
        PostgresError(
            .gaveWay,
            "gave way to \(wait.waiter.description), which waits for \(wait.subject)",
            hint: "run the same command again: it resumes from what is committed"
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
