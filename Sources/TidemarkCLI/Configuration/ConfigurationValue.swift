import Postgres
import Yams

/// A value of the configuration file or of the environment, with its place for errors.
struct ConfigurationValue {
    private let text: String?
    /// The elements of a list.
    private var elements: [String?]?
    private let name: String
    private let place: String

    /// - Parameters:
    ///   - text: The value.
    ///   - name: What it is called where it stands.
    ///   - place: File and line, with a colon and a space; empty for the environment.
    init(text: String?, name: String, place: String) {
        self.text = text
        self.name = name
        self.place = place
    }

    init(_ node: Node, name: String, place: String) {
        self.init(text: node.scalar?.string, name: name, place: place)
        elements = node.sequence?.map { $0.scalar?.string }
    }

    /// - Throws: ``UsageError`` if the value is none or empty.
    func string() throws -> String {
        guard let text, !text.isEmpty else { throw error("must be a string that is not empty") }
        return text
    }

    /// - Throws: ``UsageError`` if the value is no whole number in the range.
    func integer(in range: ClosedRange<Int>) throws -> Int {
        guard let number = text.flatMap({ Int($0) }), range.contains(number) else {
            throw error("must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// - Throws: ``UsageError`` if the value is no size.
    func size() throws -> Int {
        guard let size = text.flatMap(ByteSize.init(argument:)) else { throw error("must be a size such as 64MB") }
        return size.bytes
    }

    /// - Throws: ``UsageError`` if the value is no rate.
    func rate() throws -> Int? {
        try optional {
            guard let rate = try? MaxRate.bytes($0.text ?? "") else {
                throw error("must be none, or a size of at least 64kB, such as 20MB")
            }
            return rate
        }
    }

    /// - Throws: ``UsageError`` if the value is no time.
    func time() throws -> Duration {
        guard let time = text.flatMap(TimeLimit.init) else { throw error("must be a time such as 200ms, 10s or 2m") }
        return time.duration
    }

    /// Reads a value that may also be `none`.
    func optional<Value>(_ read: (ConfigurationValue) throws -> Value) rethrows -> Value? {
        text == "none" ? nil : try read(self)
    }

    /// The names of a list, or of a text with commas between them; each as the catalog spells it, or quoted as in SQL.
    ///
    /// - Throws: ``UsageError`` if one is empty.
    func names() throws -> [ServerText] {
        let listed = elements ?? ServerText(text ?? "").pieces(between: ",").map { $0.string }
        return try listed.map { name in
            do {
                return try ServerText(argument: name ?? "")
            } catch {
                throw self.error("must be a list of names")
            }
        }
    }

    /// - Throws: ``UsageError`` if the value is none of the cases.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(_ type: Choice.Type) throws -> Choice {
        guard let choice = text.flatMap(Choice.init(rawValue:)) else {
            throw error("must be one of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return choice
    }

    private func error(_ what: String) -> UsageError { UsageError(description: "\(place)\(name) \(what)") }
}
