/// A phase of a run, by the name that logs and reports show.
public enum RunPhase: String, Sendable, Codable, CaseIterable {
    /// Reading catalogs and definitions, and all checks before the first write.
    case preparation
    /// Creating the definitions on the target, or writing them to an archive.
    case definitions
    /// Copying chunks ahead while keys and indexes are built.
    case copyAndBuild = "copy and build"
    /// Comparing what was copied ahead.
    case proveAhead = "prove ahead"
    /// Asking the servers' counters which tables were not written.
    case counters
    /// Making the source read-only.
    case fence
    /// Copying the last delta and whole tables during cutover.
    case deltaAndWholeTables = "delta and whole tables"
    /// Copying rows from or to an archive.
    case rows
    /// Building the keys that a restore needs to apply deltas.
    case keys
    /// Applying the deltas of an archive.
    case deltas
    /// Copying large objects.
    case largeObjects = "large objects"
    /// Copying the rows of extensions' tables.
    case extensionRows = "extension rows"
    /// Setting sequences.
    case sequences
    /// Looking whether the source is still written, before anything is built.
    case lastLook = "last look"
    /// Building what is left of keys and indexes.
    case keysAndIndexes = "keys and indexes"
    /// Adding foreign keys and checks.
    case constraints
    /// Creating triggers, views on keys, privileges and all else that comes after the rows.
    case restOfTheDefinitions = "rest of the definitions"
    /// Refreshing materialized views.
    case materializedViews = "materialized views"
    /// Collecting statistics.
    case analyze
    /// Building what a live target lacks.
    case rebuild
    /// Comparing keys, indexes and constraints after a rebuild.
    case verify
    /// Comparing everything that the catalogs define.
    case verifyDefinitions = "verify definitions"
    /// Comparing rows.
    case verifyRows = "verify rows"
    /// Comparing rows while constraints are still being validated.
    case verifyRowsAhead = "verify rows ahead"
    /// Comparing the rows of extensions' tables.
    case verifyExtensionRows = "verify extension rows"
    /// Comparing large objects.
    case verifyLargeObjects = "verify large objects"
    /// Checking that the target is ready to be opened.
    case verifyReadiness = "verify readiness"
    /// Checking that the source was not written meanwhile.
    case quiet
}

extension RunPhase {
    /// The phases that follow this one in a command, as far as they always come.
    ///
    /// - Parameter command: The command, such as `cutover`.
    /// - Returns: The phases in order; empty if the command has no fixed order.
    package func next(in command: String) -> [RunPhase] {
        let order: [RunPhase] =
            switch command {
            case "precopy": [.preparation, .definitions, .copyAndBuild, .analyze, .proveAhead]
            case "cutover":
                [
                    .preparation, .fence, .counters, .deltaAndWholeTables, .largeObjects, .extensionRows, .sequences,
                    .lastLook, .keysAndIndexes, .constraints, .restOfTheDefinitions, .materializedViews, .analyze,
                    .verifyDefinitions, .verifyRows, .verifyExtensionRows, .verifyLargeObjects, .verifyReadiness,
                    .quiet,
                ]
            default: []
            }
        return order.firstIndex(of: self).map {
            Array(order[($0 + 1)...]).filter { ![.fence, .counters].contains($0) }
        } ?? []
    }
}
