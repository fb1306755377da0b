package import Ledger
package import Planning

/// How long the next cutover will take, phase by phase, forecast from what was measured before.
///
/// After a rehearsal it is the rehearsal's time, within a fifth or a fourth. After a precopy alone it is an estimate from that
/// precopy's speed.
public struct NightForecast: Sendable, Codable {
    /// A phase and the time it will take.
    public struct Part: Sendable, Codable {
        /// The phase's name, as in the report of a run.
        public let phase: String
        /// The shortest time expected, in seconds.
        public let least: Double
        /// The longest time expected, in seconds.
        public let most: Double
    }

    /// What it is based on.
    public let basis: String
    /// The phases in order, without those that take next to no time.
    public let parts: [Part]

    /// The shortest time expected for the whole night, in seconds.
    public var least: Double { parts.reduce(0) { $0 + $1.least } }
    /// The longest time expected, in seconds.
    public var most: Double { parts.reduce(0) { $0 + $1.most } }
    /// The part that takes longest.
    public var largest: Part? { parts.max { $0.most < $1.most } }

    /// The same forecast for what is left after some phases.
    ///
    /// - Parameter phases: The names of the phases that have ended.
    /// - Returns: The forecast of the others.
    package func without(_ phases: Set<String>) -> NightForecast {
        NightForecast(basis: basis, parts: parts.filter { !phases.contains($0.phase) })
    }

    private init(basis: String, parts: [Part]) {
        self.basis = basis
        self.parts = parts
    }

    /// Makes the forecast; nil if nothing was measured yet.
    ///
    /// - Parameters:
    ///   - measures: What was measured.
    ///   - evidence: What the cutover takes for proof that rows did not change.
    package init?(_ measures: NightMeasures, evidence: Evidence = .rows) {
        let estimates: [Estimate]
        if let rehearsal = measures.rehearsal {
            estimates = Self.estimates(afterRehearsal: rehearsal, measures, evidence)
            basis = "the rehearsal that ended \(rehearsal.endedAt), if as much changes as then"
        } else if let precopy = measures.precopy {
            estimates = Self.estimates(afterPrecopy: precopy, measures, evidence)
            basis = "the precopy that ended \(precopy.endedAt); tidemark cutover --rehearse makes it exact"
        } else {
            return nil
        }
        parts = estimates.filter { $0.most >= 0.001 }.map {
            Part(phase: $0.phase.rawValue, least: $0.least, most: $0.most)
        }
    }

    private struct Estimate {
        let phase: RunPhase
        var least: Double
        var most: Double

        init(_ phase: RunPhase, least: Double, most: Double) {
            self.phase = phase
            self.least = least
            self.most = most
        }
    }

    // MARK: After a rehearsal

    private static func estimates(
        afterRehearsal rehearsal: TimedRun,
        _ measures: NightMeasures,
        _ evidence: Evidence
    ) -> [Estimate] {
        let proof = rehearsal.seconds(of: RunPhase.verifyRows.rawValue)
        var seen: Set<RunPhase> = []
        return rehearsal.phases.compactMap { RunPhase(rawValue: $0.phase) }.filter { seen.insert($0).inserted }.map {
            phase in
            let seconds = rehearsal.seconds(of: phase.rawValue)
            var estimate = Estimate(phase, least: 0.8 * seconds, most: 1.25 * seconds)
            switch phase {
            case .preparation where !evidence.usesCounters:
                // Whether others have written to the target: one side is read, and the proof reads both.
                estimate.least += 0.2 * proof
                estimate.most += 0.5 * proof + 0.2
            case .keysAndIndexes, .materializedViews:
                // They stand since the rehearsal, unless their tables change.
                estimate.least = 0
            case .constraints where measures.keepsForeignKeys:
                (estimate.least, estimate.most) = (0, 0.2 * seconds)
            case .deltaAndWholeTables where evidence.usesCounters, .verifyRows where evidence.usesCounters:
                estimate.least *= 0.1
            default: break
            }
            return estimate
        }
    }

    // MARK: After a precopy

    /// Speeds of modest hardware, for what was not measured.
    private static let assumedCopying = 50_000_000.0
    private static let assumedReading = 250_000_000.0

    private static func estimates(
        afterPrecopy precopy: TimedRun,
        _ measures: NightMeasures,
        _ evidence: Evidence
    ) -> [Estimate] {
        let preparation = precopy.seconds(of: RunPhase.preparation.rawValue)
        let copying = precopy.seconds(of: RunPhase.copyAndBuild.rawValue)
        let proving = precopy.seconds(of: RunPhase.proveAhead.rawValue)
        let isMostlyCopied = precopy.bytes > measures.aheadBytes / 2
        let speed = isMostlyCopied && copying > 1 ? Double(precopy.bytes) / copying : assumedCopying
        let whole = Double(measures.wholeBytes) / speed
        // A proof reads and hashes every value, a delta only looks who wrote each row.
        let reading = proving > 0 ? proving / 3 : Double(measures.aheadBytes) / assumedReading
        let delta = isMostlyCopied ? reading : copying
        let least = evidence.usesCounters ? 0.05 : 0.5
        return [
            Estimate(.preparation, least: 0.5 * preparation, most: 1.2 * preparation + 0.1),
            Estimate(.deltaAndWholeTables, least: least * delta + 0.7 * whole, most: 1.5 * delta + 1.5 * whole + 0.1),
            Estimate(.keysAndIndexes, least: 0.2 * whole, most: whole + 0.1),
            Estimate(
                .constraints,
                least: 0.3 * Double(measures.foreignKeyBytes) / assumedReading,
                most: 2 * Double(measures.foreignKeyBytes) / assumedReading + 0.1
            ),
            Estimate(.restOfTheDefinitions, least: 0, most: 0.5 * preparation),
            Estimate(.verifyDefinitions, least: 0.1 * preparation, most: 0.5 * preparation + 0.1),
            Estimate(
                .verifyRows,
                least: least * reading + 0.1 * whole,
                most: 2 * reading + 0.5 * whole + 0.1
            ),
            Estimate(.verifyReadiness, least: 0, most: 0.2 * preparation),
        ]
    }

    // MARK: Text

    /// The forecast in lines: the sum, the largest part, what it is based on, and each phase.
    package var lines: [String] {
        var lines = ["Forecast of the night: \(Quantity.range(least, most)), by \(basis)"]
        if let largest {
            lines.append("  mostly \(largest.phase): \(Quantity.range(largest.least, largest.most))")
        }
        var table = TextTable([("  Phase", .left), ("at least", .right), ("at most", .right)])
        // Phases that take next to no time would hide the others.
        for part in parts where part.most >= most / 50 {
            table.append("  \(part.phase)", Quantity.seconds(part.least), Quantity.seconds(part.most))
        }
        return lines + table.lines
    }
}
