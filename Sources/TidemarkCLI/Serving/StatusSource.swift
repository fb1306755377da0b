import FoundationEssentials
import Report
import Tidemark

/// The status of a run for any number of readers: it is read from the ledger once a second at most.
actor StatusSource {
    /// What the page receives.
    struct Answer: Codable, Sendable {
        /// When it was read, ISO 8601 in UTC.
        let at: String
        /// nil: no run has started, or it could not be read.
        let status: RunStatus?
        /// The forecast of the night, line by line.
        let forecast: [String]
        /// Why it could not be read.
        let error: String?
    }

    private static let freshness = Duration.seconds(1)

    private let read: @Sendable () async throws -> RunStatus?
    private var last: (answer: Answer, at: ContinuousClock.Instant)?
    private var reading: Task<Answer, Never>?

    /// - Parameter read: Reads the status; nil: no run has started.
    init(_ read: @escaping @Sendable () async throws -> RunStatus?) {
        self.read = read
    }

    /// The status as of now.
    func answer() async -> Answer {
        if let last, last.at.duration(to: .now) < Self.freshness { return last.answer }
        let task = reading ?? Task { [read] in await Self.answer(read) }
        reading = task
        let answer = await task.value
        if reading == task {
            reading = nil
            last = (answer, .now)
        }
        return answer
    }

    private static func answer(_ read: @Sendable () async throws -> RunStatus?) async -> Answer {
        let now = Date.now.formatted(.iso8601)
        do {
            let status = try await read()
            return Answer(at: now, status: status, forecast: status?.forecastLines ?? [], error: nil)
        } catch {
            return Answer(at: now, status: nil, forecast: [], error: "\(error)")
        }
    }
}
