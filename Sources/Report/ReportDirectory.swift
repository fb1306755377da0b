import FoundationEssentials
public import Postgres

/// A folder for a run's report as an HTML page, JSON, Markdown and JUnit XML.
public struct ReportDirectory: Sendable {
    /// Why a report cannot be written.
    public struct Failure: OperatorError {
        /// What could not be written, and why.
        public let message: String
        /// What the operator can do.
        public let hint: String?
    }

    private let path: String

    /// Creates the folder if it does not exist, and checks that it is writable.
    ///
    /// This happens before the run, so that an unusable folder is not found only at the end of it.
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
            throw Failure(message: "cannot create the report folder \(path)", hint: "choose another one with --report")
        }
        guard FileManager.default.isWritableFile(atPath: path) else {
            throw Failure(
                message: "cannot write to the report folder \(path)",
                hint: "choose another one with --report"
            )
        }
    }

    /// Writes `report.html`, `report.json`, `report.md` and `junit.xml`, each completely or not at all.
    ///
    /// A file that cannot be written does not keep the others from being written.
    ///
    /// - Parameter report: The run's report.
    /// - Throws: ``Failure`` that names the files that could not be written.
    public func write(_ report: RunReport) throws { try write(ReportPage(report), json: report.json) }

    /// Writes the same files for the problems that were found before a migration.
    ///
    /// - Parameter report: The report.
    /// - Throws: ``Failure`` that names the files that could not be written.
    public func write(_ report: InspectionReport) throws {
        try write(ReportPage(report.asRun), json: report.json)
    }

    private func write(_ page: ReportPage, json: @escaping () throws -> String) throws {
        let files: [(String, () throws -> String)] = [
            ("report.json", json), ("report.html", page.html), ("report.md", page.markdown),
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
                message: failures.joined(separator: "\n"),
                hint:
                    "the outcome is valid without them; free space there, or choose another folder with --report next time"
            )
        }
    }
}
