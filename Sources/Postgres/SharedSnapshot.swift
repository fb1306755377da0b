/// A snapshot that one transaction has exported for others to read (PostgreSQL manual 9.27.5).
///
/// It can be imported while the exporting transaction is open.
package struct SharedSnapshot: Sendable, Hashable, Codable {
    package let identifier: String
    package let snapshot: Snapshot

    /// The virtual transaction that holds it, as `pg_locks` shows it.
    ///
    /// An identifier is made of its two numbers (`ExportSnapshot` in PostgreSQL's snapmgr.c); nil if it has another form.
    package var holder: String? {
        let parts = identifier.utf8.split(separator: UInt8(ascii: "-"))
        guard parts.count == 3, let process = UInt32(Substring(parts[0]), radix: 16),
            let transaction = UInt32(Substring(parts[1]), radix: 16)
        else { return nil }
        return "\(process)/\(transaction)"
    }

    package init(identifier: String, snapshot: Snapshot) {
        self.identifier = identifier
        self.snapshot = snapshot
    }
}
