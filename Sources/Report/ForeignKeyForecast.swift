/// What the next cutover does with the foreign keys, and what that costs.
package struct ForeignKeyForecast: Sendable {
    /// What happens to them.
    package enum Way: Sendable {
        /// They are created and validated by reading their tables on the target.
        case validated
        /// They are created and not validated, as requested.
        case later
        /// They stay validated while rows are copied; only copied rows are checked.
        case kept
        /// They are taken off while rows are copied, and validated again.
        case takenOff
    }

    /// What a modest disk reads; the forecast states this assumption.
    private static let assumedBytesPerSecond = 250_000_000.0

    private let count: Int
    private let bytes: Int
    private let way: Way

    /// - Parameters:
    ///   - count: The number of foreign keys.
    ///   - bytes: What validating all of them reads: each reads its table.
    ///   - way: What happens to them.
    package init(count: Int, bytes: Int, _ way: Way) {
        self.count = count
        self.bytes = bytes
        self.way = way
    }

    /// The forecast in one line; none without foreign keys.
    var lines: [String] {
        guard count > 0 else { return [] }
        let keys = Quantity.count(count, "foreign key")
        let time = Quantity.seconds(Double(bytes) / Self.assumedBytesPerSecond)
        let reading = "\(Quantity.bytes(bytes)) on the target, about \(time) at 250 MB/s"
        switch way {
        case .validated:
            return [
                "Foreign keys: cutover validates \(keys), which reads \(reading); "
                    + "--foreign-keys later saves that and leaves it to rebuild --concurrently"
            ]
        case .later:
            return [
                "Foreign keys: cutover creates \(keys) without validating them, which saves reading \(reading); "
                    + "rebuild --concurrently validates them on the open site"
            ]
        case .kept:
            return [
                "Foreign keys: \(keys), kept and validated while rows are copied (session_replication_role); only copied rows "
                    + "are checked, which saves reading \(reading)"
            ]
        case .takenOff:
            return [
                "Foreign keys: \(keys) to take off while rows are copied and to validate again, which reads \(reading); "
                    + "a role that may set session_replication_role would save that"
            ]
        }
    }
}
