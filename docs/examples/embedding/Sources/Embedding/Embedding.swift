import Glibc
import Tidemark

/// Migrates a database from beginning to end, as a program of your own would: it follows the events, and decides by the report.
///
/// ```
/// swift run Embedding 'postgres://reader@old-server/shop' 'postgres://owner@new-server/shop'
/// ```
@main enum Embedding {
    static func main() async throws {
        let addresses = CommandLine.arguments.dropFirst()
        guard addresses.count == 2, let source = addresses.first, let target = addresses.last else {
            print("usage: Embedding SOURCE TARGET")
            exit(64)
        }
        var options = MigrationOptions()
        options.omissions = [.owners, .privileges]
        options.jobs = 2
        let migration = Migration(
            source: try Endpoint(source, side: .source),
            target: try Endpoint(target, side: .target),
            options: options
        )

        let inspection = try await migration.inspect()
        guard inspection.isClear else {
            print(inspection.text)
            exit(1)
        }

        // Days ahead. The site is open.
        let precopy = try await follow(migration.start { try await $0.precopy() })
        print("precopy: \(precopy.outcome), \(precopy.transfer.rows) rows")
        guard precopy.outcome == .done else { exit(1) }

        // The night. The site is closed.
        let cutover = try await follow(migration.start { try await $0.cutover() })
        print("cutover: \(cutover.outcome)")
        guard cutover.outcome == .done else {
            print(cutover.text)
            exit(1)
        }
    }

    /// Prints a run's events as they come.
    private static func follow(_ run: MigrationRun) async throws -> RunReport {
        for await event in run.events {
            switch event {
            case .phaseBegan(let phase): print("  \(phase.rawValue)")
            case .warning(let text): print("  \(text)")
            default: break
            }
        }
        return try await run.report
    }
}
