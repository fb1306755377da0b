import Postgres

/// Where a run learns what the source contains.
enum Origin: Sendable {
    /// The source itself.
    case database(Endpoint)
    /// A generation of an archive; the source may no longer exist.
    case archive(WantedGeneration)
    /// The target's ledger, which keeps the source's definitions as a run last read them.
    case ledger

    /// The text that reports show.
    var description: String {
        switch self {
        case .database(let source): source.description
        case .archive(let wanted): wanted.path
        case .ledger: "the ledger's record of the source"
        }
    }

    /// The server that is read; nil where there is none.
    var endpoint: Endpoint? {
        guard case .database(let source) = self else { return nil }
        return source
    }
}
