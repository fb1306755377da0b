public import Report

/// What a run tells while it works.
///
/// May come from any thread.
public enum RunEvent: Sendable {
    /// A phase has begun.
    case phase(String)
    /// Something an operator should hear of.
    case note(String)
    /// How far the copying is; told about once a second.
    case progress(RunProgress)
    /// The run ended with an error; what it had done until then.
    case failed(RunReport)
}

/// How far the copying is.
public struct RunProgress: Sendable {
    /// Chunks done in this pass.
    public let chunks: Int
    /// Chunks this pass has to bring.
    public let allChunks: Int
    /// Bytes copied.
    public let bytes: Int
    /// Seconds since the copying began.
    public let seconds: Double
}
