import FoundationEssentials
import Postgres

/// A folder that takes a run's report: as a page, as JSON, as Markdown and for a build server.
public struct ReportDirectory: Sendable {
    /// Why a report cannot be written.
    public struct Failure: Error, CustomStringConvertible {
        /// What, where, and what to do.
        public let description: String
    }

    private let path: String

    /// Makes the folder if it is not there, and sees that it can be written to: the end of a night is no time to find
    /// out.
    ///
    /// - Parameter path: The folder.
    /// - Throws: ``Failure``.
    public init(_ path: String) throws {
        self.path = path
        do {
            try FileManager.default.createDirectory(
                at: URL(fileURLWithPath: path, isDirectory: true),
                withIntermediateDirectories: true
            )
        } catch {
            throw Failure(description: "cannot make the folder \(path) for the report; give another one to --report")
        }
        guard FileManager.default.isWritableFile(atPath: path) else {
            throw Failure(description: "cannot write into the folder \(path); give another one to --report")
        }
    }

    /// Writes `report.html`, `report.json`, `report.md` and `junit.xml`, each whole or not at all, and as many of them
    /// as can be written.
    ///
    /// - Parameter report: The run's report.
    /// - Throws: ``Failure``, naming the files that could not be written.
    public func write(_ report: RunReport) throws {
        let page = ReportPage(report)
        let files: [(String, () throws -> String)] = [
            ("report.json", report.json), ("report.html", page.html), ("report.md", page.markdown),
            ("junit.xml", page.junit),
        ]
        var failures: [String] = []
        for (name, content) in files {
            do {
                try WholeFile.write(content(), to: "\(path)/\(name)")
            } catch {
                failures.append("\(error)")
            }
        }
        guard failures.isEmpty else {
            throw Failure(
                description: failures.joined(separator: "\n") + "\nHINT: the outcome stands without them; "
                    + "make room there, or give another folder to --report next time"
            )
        }
    }
}
