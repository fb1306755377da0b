/// What a run from a source is opened for.
enum LiveAct: String, Sendable {
    case precopy
    case cutover
    /// A cutover while the application goes on writing to the source; the target is not opened afterwards.
    case rehearsal

    /// Whether a new run may begin with it.
    var mayCreate: Bool { self == .precopy }
    var isCutover: Bool { self != .precopy }
}
