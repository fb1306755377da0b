public import Report

/// An event of a run, reported while it works.
///
/// Events may come from any thread.
public enum RunEvent: Sendable {
    /// A phase has begun.
    case phase(String)
    /// A message for the operator.
    case note(String)
    /// The progress of copying, reported about once a second.
    case progress(RunProgress)
    /// The run ended with an error; the report shows what it had done until then.
    case failed(RunReport)
}

/// The progress of copying.
public struct RunProgress: Sendable {
    /// Chunks done in this pass.
    public let chunks: Int
    /// All chunks that this pass has to copy.
    public let allChunks: Int
    /// Bytes copied.
    public let bytes: Int
    /// Seconds since the copying began.
    public let seconds: Double
}
