import Catalog
import Postgres

/// The checks that remain while locks keep writers out.
extension Quiet {
    /// Checks what table locks do not cover: new tables, and large objects.
    ///
    /// - Parameters:
    ///   - before: The counters from before the snapshot.
    ///   - known: The tables that existed before.
    ///   - source: The source.
    ///   - watch: The tables that must not be written.
    ///   - holder: The connection that holds the snapshot.
    ///   - note: Receives a line about each wait.
    /// - Returns: Whether the source was quiet, and why.
    /// - Throws: ``PostgresError``.
    static func besideLocks(
        since before: QuietBaseline,
        _ known: Set<UInt32>,
        on source: Endpoint,
        _ watch: Watch,
        heldBy holder: ThreadConfined<Connection>,
        _ note: @escaping @Sendable (String) -> Void
    ) async throws -> Quiet {
        try await ThreadConfined.with(source, purpose: "\(watch.session) quiet") { connection in
            let made = try await connection.run {
                try Table.names(on: $0).filter { !known.contains($0.key) }.values.map(\.description).sorted()
            }
            guard made.isEmpty else {
                return Quiet(
                    isProven: false,
                    description:
                        "SHARE locks kept every writer out of the existing tables, but tables were created since, "
                        + "which the target does not have: \(made.prefix(5).joined(separator: ", "))"
                )
            }
            let locks = "SHARE locks kept every writer out since before the last snapshot"
            guard try await connection.run({ try watch.largeObjects($0) }) != nil else {
                return Quiet(isProven: true, description: locks)
            }
            let watch = watch.ofLargeObjects
            let open = try await watch.waitForWriters(connection, patience: patience, note)
            if let writing = Watch.description(of: open) {
                return Quiet(isProven: false, description: "\(locks); for large objects this is unknown: \(writing)")
            }
            switch try await watch.written(since: before, heldBy: holder, on: connection, patience: patience, note) {
            case .unknown(let reason):
                return Quiet(isProven: false, description: "\(locks); for large objects this is unknown: \(reason)")
            case .written:
                return Quiet(
                    isProven: false,
                    description: "\(locks), but large objects were written, and the target lacks these changes"
                )
            case .nothing(let evidence):
                return Quiet(isProven: true, description: "\(locks), and no large object was written (\(evidence))")
            }
        }
    }
}
