/// What a worker process has done.
public struct WorkerReport: Sendable, Codable {
    /// Its name.
    public let name: String
    /// How often it has joined a call; a call that begins again is joined again.
    public var calls: Int
    /// The chunks that it copied up to a new mark.
    public var chunks: Int
    /// The rows that it wrote on the target.
    public var rows: Int
    /// The rows that it deleted on the target.
    public var removedRows: Int
    /// The bytes that it copied.
    public var bytes: Int
    /// The keys, indexes and constraints that it completed.
    public var objects: Int
    /// How long it ran, in seconds.
    public var seconds: Double
    /// Whether it ended because it was asked to, before the call did.
    public var isStopped: Bool

    package init(name: String) {
        self.name = name
        (calls, chunks, rows, removedRows, bytes, objects) = (0, 0, 0, 0, 0, 0)
        seconds = 0
        isStopped = false
    }

    /// The report as a JSON document.
    public func json() throws -> String { try document() }

    /// The report in one line.
    public var text: String {
        let removed = removedRows == 0 ? "" : ", \(Quantity.count(removedRows, "row")) deleted"
        return "Worker \(name): \(Quantity.count(calls, "call")), \(Quantity.count(chunks, "chunk")), "
            + "\(Quantity.count(rows, "row")), \(Quantity.bytes(bytes)) copied\(removed), "
            + "\(Quantity.count(objects, "object")) built in \(Quantity.seconds(seconds))"
            + (isStopped ? "; stopped before the call had ended" : "")
    }
}
