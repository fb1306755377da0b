package import Postgres

/// One problem that was found.
public struct Finding: Sendable, Hashable, Codable {
    /// How serious a finding is.
    public enum Severity: String, Sendable, Codable, Comparable, CaseIterable {
        /// Worth knowing; the databases still count as equal.
        case note
        /// The application works, but slower or with a problem ahead.
        case hurts
        /// Statements fail, or rows are lost or wrong.
        case stops

        /// Sorts from mild to serious.
        public static func < (left: Self, right: Self) -> Bool {
            (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
        }
    }

    /// The class of object and the problem: `index.missing`.
    ///
    /// All codes are explained in docs/FINDINGS.md and do not change between versions.
    public let code: String
    /// The class of object: table, column, rows, index, primary key, foreign key, sequence and so on.
    public let kind: String
    /// The object's full name.
    public let object: String
    /// How serious it is.
    public let severity: Severity
    /// What is wrong.
    public let message: String
    /// What the source has, if that adds information.
    public let source: String?
    /// What the target has, if that adds information.
    public let target: String?
    /// The SQL that repairs it on the target, if there is any.
    public let repair: String?

    package init(
        _ kind: String,
        object: some Reportable,
        problem: Problem,
        severity: Severity,
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

    /// Compares byte by byte, because two names may only look the same.
    public static func == (left: Self, right: Self) -> Bool {
        left.code == right.code && left.severity == right.severity && left.texts == right.texts
    }

    /// Hashes the bytes.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(code)
        hasher.combine(texts)
    }

    private var texts: [ServerText?] {
        [kind, object, message, source, target, repair].map { $0.map { ServerText($0) } }
    }

    /// The problem, as the second part of a code.
    package struct Problem: Sendable, Hashable, ExpressibleByStringLiteral {
        /// The target does not have it.
        package static let missing: Problem = "missing"
        /// The source does not have it.
        package static let extra: Problem = "extra"

        let word: String

        package init(stringLiteral word: String) {
            self.word = word
        }

        /// Returns the problem that an attribute differs.
        package static func attribute(_ name: ServerText) -> Problem {
            Problem(stringLiteral: Finding.word(name.string))
        }
    }

    private static func word(_ words: String) -> String {
        ServerText(words.lowercased()).replacingAll(" ", with: "-").string
    }
}

/// The overall result of a verification.
public enum Verdict: String, Sendable, Codable {
    /// Everything was examined and is equal.
    case proven
    /// Something differs.
    case differs
    /// No difference was found, but something could not be examined; this does not count as proven.
    case notProven
}
