public import Verification

/// An event of a run, reported while it works.
///
/// A run's report is the sum of its events (``RunReport/apply(_:)``), so that log and report cannot disagree. Events may
/// come from any thread; the last one is ``ended(_:)``.
public enum RunEvent: Sendable {
    /// The run has begun; its report is still empty.
    case began(RunReport)
    /// A phase has begun.
    case phaseBegan(RunPhase)
    /// A phase has ended, whether or not it succeeded.
    case phaseEnded(RunReport.Phase)
    /// A message for the operator.
    case note(String)
    /// A message that the report keeps.
    case warning(String)
    /// The progress of copying, reported about once a second.
    case progress(RunProgress)
    /// What is being built or compared now, reported about once a second where there is no other progress.
    case working([String])
    /// Keys, indexes and constraints were completed.
    case built(Int)
    /// The comparison of source and target has ended.
    case verified(VerificationResult)
    /// A cutover stopped before it built anything, because the source was written or may still be.
    case late(LateWrites)
    /// Whether the source was written during the run, and how that is known.
    case quiet(String)
    /// The source was made read-only.
    case fenced
    /// How long the night will take, at the end of a precopy or a rehearsal; nil if nothing was measured.
    case forecast(NightForecast?)
    /// The work begins again from what is committed, after a server was restarted or the run gave way to another session;
    /// earlier warnings no longer count.
    case beganAgain
    /// The run has ended, or failed, with this report; nothing comes after it.
    case ended(RunReport)
}

/// The progress of copying.
public struct RunProgress: Sendable {
    /// Chunks done in this pass.
    public let chunks: Int
    /// All chunks that this pass has to copy.
    public let allChunks: Int
    /// Bytes copied.
    public let bytes: Int
    /// Roughly how many bytes there are to copy; nil: that cannot be told.
    public let allBytes: Int?
    /// Seconds since the copying began.
    public let seconds: Double
    /// Bytes copied a second during the last seconds.
    public let bytesPerSecond: Double
    /// The tables that are copied now.
    public let tables: [String]

    package init(
        chunks: Int,
        allChunks: Int,
        bytes: Int,
        allBytes: Int? = nil,
        seconds: Double,
        bytesPerSecond: Double,
        tables: [String]
    ) {
        self.chunks = chunks
        self.allChunks = allChunks
        self.bytes = bytes
        self.allBytes = allBytes
        self.seconds = seconds
        self.bytesPerSecond = bytesPerSecond
        self.tables = tables
    }

    /// The share that is done, from 0 to 1: of the chunks, or of the bytes if that is more.
    public var share: Double {
        let ofChunks = allChunks == 0 ? 1 : min(1, Double(chunks) / Double(allChunks))
        // The number of bytes is an estimate, so only the chunks can tell that all is done.
        let ofBytes = allBytes.map { min(Self.mostByBytes, Double(bytes) / Double(max(1, $0))) } ?? 0
        return max(ofChunks, ofBytes)
    }

    private static let mostByBytes = 0.98

    /// How long the rest of the chunks takes if it goes on like this, in seconds; nil if too little is done to tell.
    public var secondsLeft: Double? {
        share >= 0.02 && share < 1 && seconds >= 2 ? seconds * (1 - share) / share : nil
    }
}

extension RunReport {
    /// Adds what an event says.
    ///
    /// - Parameter event: The next event of the run.
    public mutating func apply(_ event: RunEvent) {
        switch event {
        case .phaseEnded(let phase): phases.append(phase)
        case .warning(let text): warnings.append(text)
        case .built(let count): transfer.objects += count
        case .verified(let result): verification = result
        case .quiet(let text): quiet = text
        case .fenced: isSourceFenced = true
        case .forecast(let forecast): self.forecast = forecast
        case .late(let writes): lateWrites = writes
        case .beganAgain: warnings = []
        case .ended(let report): self = report
        case .began, .phaseBegan, .note, .progress, .working: break
        }
    }
}
