package import Postgres

/// One thing that is not as it should be.
public struct Finding: Sendable, Hashable, Codable {
    /// How bad it is.
    public enum Severity: String, Sendable, Codable, Comparable, CaseIterable {
        /// Worth knowing; the databases are equal all the same.
        case note
        /// The business goes on, slower or with a trap ahead.
        case hurts
        /// Statements fail, or rows are lost or wrong.
        case stops

        /// Milder before worse.
        public static func < (left: Self, right: Self) -> Bool {
            (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
        }
    }

    /// What is wrong, as one word behind the class of object: `index.missing`.
    ///
    /// All of them are explained in docs/FINDINGS.md, and stay what they are from version to version.
    public let code: String
    /// The class of object: table, column, rows, index, primary key, foreign key, sequence and so on.
    public let kind: String
    /// The object, by its full name.
    public let object: String
    /// How bad it is.
    public let severity: Severity
    /// What is wrong.
    public let message: String
    /// What the source has, where that tells more.
    public let source: String?
    /// What the target has, where that tells more.
    public let target: String?
    /// The SQL that repairs it on the target, where there is one.
    public let repair: String?

    package init(
        _ kind: String,
        _ object: some Reportable,
        _ problem: Problem,
        _ severity: Severity,
        _ message: String,
        source: (any Reportable)? = nil,
        target: (any Reportable)? = nil,
        repair: (any Reportable)? = nil
    ) {
        code = "\(Self.word(kind)).\(problem.word)"
        self.kind = kind
        self.object = object.string
        self.severity = severity
        self.message = message
        self.source = source?.string
        self.target = target?.string
        self.repair = repair?.string
    }

    /// Whether all of it is the same, byte by byte: two objects may have names that only look the same.
    public static func == (left: Self, right: Self) -> Bool {
        left.code == right.code && left.severity == right.severity && left.texts == right.texts
    }

    /// Feeds the bytes.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(code)
        hasher.combine(texts)
    }

    private var texts: [ServerText?] {
        [kind, object, message, source, target, repair].map { $0.map { ServerText($0) } }
    }

    /// What can be wrong with an object of any class.
    package struct Problem: Sendable, Hashable, ExpressibleByStringLiteral {
        /// The target does not have it.
        package static let missing: Problem = "missing"
        /// The source does not have it.
        package static let extra: Problem = "extra"

        let word: String

        package init(stringLiteral word: String) {
            self.word = word
        }

        /// An attribute of it differs.
        package static func attribute(_ name: ServerText) -> Problem {
            Problem(stringLiteral: Finding.word(name.string))
        }
    }

    private static func word(_ words: String) -> String {
        ServerText(words.lowercased()).replacingAll(" ", with: "-").string
    }
}

/// How a verification ended.
public enum Verdict: String, Sendable, Codable {
    /// Everything was examined and is equal.
    case proven
    /// Something differs.
    case differs
    /// Nothing differs, but something could not be examined: never a pass.
    case notProven
}
