/// A precopy or a rehearsal that ended as it should, with the time each phase took: by these the night is forecast.
package struct TimedRun: Sendable, Codable {
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
    /// The bytes it copied.
    package let bytes: Int
    /// Its phases in order.
    package let phases: [Phase]

    package init(endedAt: String, seconds: Double, rows: Int, bytes: Int, phases: [Phase]) {
        self.endedAt = endedAt
        self.seconds = seconds
        self.rows = rows
        self.bytes = bytes
        self.phases = phases
    }

    /// The seconds that a phase took, all its occurrences together; 0 if there was none.
    package func seconds(of phase: String) -> Double {
        phases.reduce(0) { $1.phase == phase ? $0 + $1.seconds : $0 }
    }
}
