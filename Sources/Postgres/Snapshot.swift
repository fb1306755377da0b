/// A value of `pg_current_snapshot()`: which transactions a reader sees (PostgreSQL manual 9.27.10).
///
/// Every transaction below `xmin` has ended; none at or above `xmax` had begun to write; those in between are in flight
/// only if listed. The numbers are 64 bits wide, including the epoch.
package struct Snapshot: Sendable, Hashable, Codable, CustomStringConvertible {
    /// Every transaction below it has ended.
    package let xmin: UInt64
    /// No transaction at or above it had begun to write.
    package let xmax: UInt64
    /// The transactions between the two that were in flight.
    package let inFlight: [UInt64]

    /// Reads the text form `xmin:xmax:xip,xip,…`; returns nil for any other text.
    package init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map(Substring.init)
        guard parts.count == 3, let xmin = UInt64(parts[0]), let xmax = UInt64(parts[1]), xmin <= xmax else {
            return nil
        }
        let listed = parts[2].utf8.split(separator: UInt8(ascii: ",")).map(Substring.init)
        let inFlight = listed.compactMap { UInt64($0) }
        guard inFlight.count == listed.count else { return nil }
        self.xmin = xmin
        self.xmax = xmax
        self.inFlight = inFlight
    }

    /// A snapshot that sees every transaction below one, and none above.
    package init(allBelow xmax: UInt64) {
        xmin = xmax
        self.xmax = xmax
        inFlight = []
    }

    /// Reads the text form.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let snapshot = Snapshot(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a snapshot")
        }
        self = snapshot
    }

    /// Writes the text form.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// The text form, as the server writes it.
    package var description: String { "\(xmin):\(xmax):" + inFlight.map(String.init).joined(separator: ",") }
}
