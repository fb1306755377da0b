package import Postgres

/// What workers do now, for other processes to take part in.
package struct AnnouncedWork: Sendable, Hashable, Codable {
    /// What is claimed, and which of it is due.
    package enum Task: Sendable, Hashable, Codable {
        /// Chunks of a stage.
        case chunks(ChunkStage)
        /// Slices of tables with scattered keys.
        case slices
        /// Keys and indexes of some stages; with a pass, those of tables whose rows are ready.
        case objects([RebuildStage], settledIn: Int?)

        /// Rows are copied and objects are built at the same time.
        package var kind: Kind {
            switch self {
            case .chunks, .slices: .copy
            case .objects: .build
            }
        }
    }

    /// The two kinds of work; of each at most one is announced.
    package enum Kind: String, Sendable {
        case copy, build
    }

    package let task: Task
    /// The pass that the rows are copied in.
    package let pass: Int
    /// The snapshot that everything is read in; nil: each chunk is read in its own.
    package let snapshot: SharedSnapshot?
    /// Whether the tables already have their triggers, which must not fire for copied rows.
    package let keepsTriggersOff: Bool
    /// Whether rows are written as a replica writes them, because the tables have their foreign keys.
    package let writesAsReplica: Bool
    /// What may take longer to read than this is cut first; nil: nothing is.
    package let longestTransaction: Duration?
    /// Whether sessions on the source end if another session waits for them.
    package let givesWay: Bool
    /// Tables that only the owning client works on: it has looked at them as a whole, and others would read all of them for each chunk.
    package let ownersTables: [QualifiedName]

    /// - Parameters:
    ///   - task: What is claimed.
    ///   - pass: The pass.
    ///   - snapshot: The snapshot that everything is read in; nil: each chunk is read in its own.
    ///   - keepsTriggersOff: Whether the tables already have their triggers.
    ///   - writesAsReplica: Whether rows are written as a replica writes them.
    ///   - longestTransaction: What may take longer to read is cut first; nil: nothing is.
    ///   - givesWay: Whether sessions on the source end if another session waits for them.
    ///   - ownersTables: Tables that only the owning client works on.
    package init(
        _ task: Task,
        pass: Int,
        in snapshot: SharedSnapshot? = nil,
        keepsTriggersOff: Bool = false,
        writesAsReplica: Bool = false,
        longestTransaction: Duration? = nil,
        givesWay: Bool = false,
        ownersTables: [QualifiedName] = []
    ) {
        self.ownersTables = ownersTables
        self.task = task
        self.pass = pass
        self.snapshot = snapshot
        self.keepsTriggersOff = keepsTriggersOff
        self.writesAsReplica = writesAsReplica
        self.longestTransaction = longestTransaction
        self.givesWay = givesWay
    }
}
