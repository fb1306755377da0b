import FoundationEssentials

/// The codes that docs/FINDINGS.md explains.
struct FindingsPage {
    private let codes: Set<String>
    /// Attributes by class.
    private let attributes: [String: Set<String>]

    init() throws {
        let text = try String(contentsOfFile: "docs/FINDINGS.md", encoding: .utf8)
        var codes: Set<String> = []
        var attributes: [String: Set<String>] = [:]
        var isOfClasses = false
        for line in text.split(separator: "\n") {
            codes.formUnion(line.split(separator: "`").map(String.init).filter { $0.contains(".") })
            if line.hasPrefix("| class |") { isOfClasses = true }
            if line.hasPrefix("#") { isOfClasses = false }
            let cells = line.split(separator: "|").map { $0.trimmed }
            guard isOfClasses, cells.count == 2 else { continue }
            let names = cells[1].replacing("those of a function, and: ", with: "").split(separator: ",")
            attributes[cells[0], default: []] = Set(names.map { Self.word($0.trimmed) })
        }
        let ofFunctions = attributes["function"] ?? []
        attributes["aggregate"]?.formUnion(ofFunctions)
        self.codes = codes
        self.attributes = Dictionary(
            attributes.map { (Self.word($0.key), $0.value) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    func explains(_ code: String) -> Bool {
        if codes.contains(code) { return true }
        let parts = code.split(separator: ".", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return false }
        // Keys have the same problems as indexes.
        if ["primary-key", "unique-constraint", "exclusion-constraint"].contains(parts[0]) {
            return explains("index.\(parts[1])")
        }
        guard let known = attributes[parts[0]] else { return false }
        return ["missing", "extra"].contains(parts[1]) || known.contains(parts[1])
    }

    func explains(_ attribute: String, of kind: String) -> Bool {
        explains("\(Self.word(kind)).\(Self.word(attribute))")
    }

    private static func word(_ words: String) -> String { words.lowercased().replacing(" ", with: "-") }
}

extension Substring {
    fileprivate var trimmed: String { String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
}
