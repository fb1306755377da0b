/// A snapshot that one transaction has exported for others to read (PostgreSQL manual 9.27.5).
///
/// It can be imported while the exporting transaction is open.
package struct SharedSnapshot: Sendable, Hashable {
    package let identifier: String
    package let snapshot: Snapshot

    package init(identifier: String, snapshot: Snapshot) {
        self.identifier = identifier
        self.snapshot = snapshot
    }
}
