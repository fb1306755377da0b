/// When a precopy pauses by itself because the servers are busy.
///
/// It looks every second, finishes the chunks at hand, and goes on when all limits have been kept for three seconds. A cutover
/// does not back off: the application is closed, and each minute counts.
public struct BackOff: Sendable, Equatable {
    /// How far a replica may be behind: one of the source or of the target, or the source itself if it is one.
    public var longestLag: Duration?
    /// How many sessions may be active on the source's server, without those of Tidemark.
    public var mostActiveSessions: Int?
    /// A query of the operator's on the source, trusted SQL, that takes longer when the application suffers.
    public var probe: String?
    /// How long that query may take.
    public var longestProbe = Duration.milliseconds(500)

    /// Creates one without limits.
    public init() {}

    var isWanted: Bool { longestLag != nil || mostActiveSessions != nil || probe != nil }
}
