import FoundationEssentials

/// What is done to a proven target behind the tool's back, and the findings that must name it.
struct PlantedFault: Sendable, CustomStringConvertible {
    struct Expectation: Sendable, Hashable {
        let kind: String
        /// What the finding's object begins with.
        let object: String
    }

    let expectations: [Expectation]
    let sql: String

    var description: String { sql }

    /// All of them, in the file's order: those that touch the same object are neighbours.
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
