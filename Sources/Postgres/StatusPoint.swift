#if DEBUG
    import Glibc
    import Synchronization
#endif

/// A place at which tests interrupt a run: what is durable there differs from what was durable before it.
///
/// A release build does nothing at these places. In a debug build two variables of the environment decide:
///
/// - `TIDEMARK_STATUS_POINT=chunkCopied:3:kill` ends the process with SIGKILL when it is at that place for the third time.
///   `chunkCopied:3:pause` stops it with SIGSTOP, until SIGCONT lets it go on.
/// - `TIDEMARK_STATUS_LOG=FILE` appends a line to the file each time the process is at one of these places.
///
/// PostgreSQL calls such places injection points.
package enum StatusPoint: String, CaseIterable, Sendable {
    /// A phase of a run begins.
    case phaseBegun
    /// A transaction that writes is about to be committed.
    case beforeCommit
    /// A transaction that writes was committed.
    case afterCommit
    /// A statement outside a transaction has changed the target.
    case statementDone
    /// A snapshot was exported, and others read in it from now on.
    case snapshotExported
    /// `pg_dump` has written the definitions.
    case definitionsDumped
    /// Chunks were copied, but neither committed nor recorded.
    case chunkCopied
    /// A key, an index or a constraint was built, but neither committed nor recorded.
    case objectBuilt
    /// The sequences were set, but that is not recorded.
    case sequencesSet
    /// A part of a table was read without indexes; its sum is not known yet.
    case partCounted
    /// The rows of both sides were compared; nothing says so yet.
    case rowsCompared
    /// A file of an archive is complete and synced, but nothing refers to it.
    case fileSynced
    /// A chunk's files are recorded in the journal of a generation.
    case chunkEntered
    /// A document of an archive is complete and synced, but does not have its name yet.
    case documentSynced
    /// A document of an archive has its name.
    case documentNamed

    /// Called at the place.
    package func reached() {
        #if DEBUG
            StatusPointRequest.current?.note(self)
        #endif
    }
}

#if DEBUG
    /// What the environment asks for.
    private final class StatusPointRequest: Sendable {
        static let current = StatusPointRequest()

        private let point: StatusPoint?
        private let signal: Int32
        private let left: Atomic<Int>
        private let log: Int32?

        private init?() {
            let parts = (Self.variable("TIDEMARK_STATUS_POINT") ?? "").utf8.split(separator: UInt8(ascii: ":"))
                .map { String(Substring($0)) }
            log = Self.variable("TIDEMARK_STATUS_LOG").map {
                open($0, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
            }
            point = parts.first.flatMap(StatusPoint.init(rawValue:))
            left = Atomic(parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
            signal = parts.last == "pause" ? SIGSTOP : SIGKILL
            if point == nil, log == nil { return nil }
        }

        private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

        func note(_ reached: StatusPoint) {
            if let log {
                let line = reached.rawValue + "\n"
                _ = line.utf8.withContiguousStorageIfAvailable { write(log, $0.baseAddress, $0.count) }
            }
            guard reached == point, left.subtract(1, ordering: .relaxed).newValue == 0 else { return }
            kill(getpid(), signal)
            // Another thread may receive the signal, a moment later.
            usleep(100_000)
        }
    }
#endif
