/// A snapshot one transaction has exported and others read as well (PostgreSQL manual 9.27.5).
///
/// It can be imported as long as the exporting transaction is open.
package struct SharedSnapshot: Sendable, Hashable {
    package let identifier: String
    package let snapshot: Snapshot

    package init(identifier: String, snapshot: Snapshot) {
        self.identifier = identifier
        self.snapshot = snapshot
    }
}
