/// A rehearsed cutover that ended as proven, by which the next one can be forecast.
package struct Rehearsal: Sendable, Codable {
    /// A phase and its duration.
    package struct Phase: Sendable, Codable {
        package let phase: String
        package let seconds: Double

        package init(phase: String, seconds: Double) {
            self.phase = phase
            self.seconds = seconds
        }
    }

    /// When it ended, ISO 8601 in UTC.
    package let endedAt: String
    /// Its whole duration in seconds.
    package let seconds: Double
    /// The rows it copied.
    package let rows: Int
    /// Its phases in order.
    package let phases: [Phase]

    package init(endedAt: String, seconds: Double, rows: Int, phases: [Phase]) {
        self.endedAt = endedAt
        self.seconds = seconds
        self.rows = rows
        self.phases = phases
    }
}
