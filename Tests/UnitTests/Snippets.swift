import Tidemark

/// The examples of the documentation, so that the compiler reads them too; `SnippetTests` compares the texts.
enum Snippets {
    static func firstMigration() async throws -> String {
        let migration = Migration(
            source: try Endpoint("postgres://reader@old.example/shop", side: .source),
            target: try Endpoint("postgres://owner@new.example/shop", side: .target)
        )
        let inspection = try await migration.inspect()
        guard inspection.isClear else { return inspection.text }
        _ = try await migration.precopy()
        let report = try await migration.cutover()
        return report.outcome == .done ? "open the target" : report.text
    }

    static func embedding(_ migration: Migration, _ show: (String) -> Void) async throws -> RunReport {
        let run = migration.start { try await $0.cutover() }
        for await event in run.events {
            switch event {
            case .phaseBegan(let phase): show("\(phase.rawValue) …")
            case .progress(let progress): show("\(progress.chunks) of \(progress.allChunks) chunks")
            case .note(let text), .warning(let text): show(text)
            default: break
            }
        }
        let report = try await run.report
        return report
    }
}
