/// A transaction on the source that had written and could still commit, as it was seen then.
public struct OpenTransaction: Sendable, Codable, Hashable {
    /// The application and the server process, or the name of a prepared transaction.
    public let name: String
    /// The role; nil if it is unknown.
    public let role: String?
    /// Where the client is connected from; nil if that is hidden, or the transaction is prepared.
    public let client: String?
    /// How long it had been open, in seconds; nil if that is hidden.
    public let seconds: Int?
    /// What the session was doing, such as `idle in transaction`; nil if that is hidden.
    public let state: String?
    /// Its last statement, shortened; nil if that is hidden.
    public let statement: String?

    package init(name: String, role: String?, client: String?, seconds: Int?, state: String?, statement: String?) {
        self.name = name
        self.role = role
        self.client = client
        self.seconds = seconds
        self.state = state
        self.statement = statement
    }

    /// All of it in one line.
    package var description: String {
        var parts = [name]
        if let role { parts.append("role \(role)") }
        if let client { parts.append("from \(client)") }
        if let seconds { parts.append("open for \(Quantity.seconds(Double(seconds)))") }
        if let state { parts.append(state) }
        if let statement { parts.append("last statement: \(statement)") }
        return parts.joined(separator: ", ")
    }
}

/// Why a cutover stopped before anything was built: what was written on the source after the snapshot, or might still be.
public struct LateWrites: Sendable, Codable {
    /// The transactions that were still open when the time to wait for them was over.
    public let transactions: [OpenTransaction]
    /// The tables to which rows were written after the snapshot.
    public let tables: [String]

    package init(transactions: [OpenTransaction], tables: [String]) {
        self.transactions = transactions
        self.tables = tables
    }

    /// The reasons, for the report.
    package var reasons: [String] {
        transactions.map { "it has written on the source and may still commit: \($0.description)" }
            + tables.map { "rows were written to \($0) on the source after the snapshot of this cutover" }
    }
}
