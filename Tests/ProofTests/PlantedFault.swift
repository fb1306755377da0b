import FoundationEssentials

/// A change made to a proven target without the tool, and the findings that must name it.
struct PlantedFault: Sendable, CustomStringConvertible {
    struct Expectation: Sendable, Hashable {
        let kind: String
        /// The beginning of the finding's object.
        let object: String
    }

    let expectations: [Expectation]
    let sql: String

    var description: String { sql }

    /// All faults in the file's order: those of the same object are adjacent.
    static func all() throws -> [PlantedFault] {
        let text = try String(contentsOfFile: "Tests/ProofTests/Planted/faults.sql", encoding: .utf8)
        var faults: [PlantedFault] = []
        var expectations: [Expectation] = []
        // The first line is about the file.
        for line in text.split(separator: "\n").dropFirst() {
            guard line.hasPrefix("-- ") else {
                faults.append(PlantedFault(expectations: expectations, sql: String(line)))
                expectations = []
                continue
            }
            guard let colon = line.firstRange(of: ": ") else { continue }
            expectations.append(
                Expectation(
                    kind: String(line[line.index(line.startIndex, offsetBy: 3)..<colon.lowerBound]),
                    object: String(line[colon.upperBound...])
                )
            )
        }
        return faults
    }
}
