package import Catalog
import FoundationEssentials

/// What the source contained when a generation was dumped; the proof of definitions compares the target with it.
package struct ArchivedCatalog: Sendable, Codable {
    package let catalog: DatabaseCatalog
    package let objects: [CatalogObject]
    package let facts: ReadinessFacts
    package let requirements: Requirements

    package init(
        catalog: DatabaseCatalog,
        objects: [CatalogObject],
        facts: ReadinessFacts,
        requirements: Requirements
    ) {
        self.catalog = catalog
        self.objects = objects
        self.facts = facts
        self.requirements = requirements
    }

    /// Writes it as a file of a generation.
    package func write(to writer: GenerationWriter, level: Int) throws -> FileEntry {
        let frames = try FrameWriter(Compression(level: level)) { try writer.newFile("zst") }
        var document = try ArchiveDirectory.encoded(self)
        document.append(UInt8(ascii: "\n"))
        try document.withUnsafeBytes { try frames.append($0) }
        guard let entry = try frames.finish().first else {
            throw ArchiveError(.failed, at: writer.folder, "the catalog is empty")
        }
        return entry
    }

    /// Reads the catalog of a generation.
    ///
    /// - Throws: ``ArchiveError``.
    package init(of generation: ArchiveDirectory.Generation) throws {
        let entry = generation.manifest.catalog
        let file = "\(generation.folder)/\(entry.name)"
        var document = Data()
        try FrameReader(entry, in: generation.folder).read { document.append(contentsOf: $0) }
        do {
            self = try JSONDecoder().decode(Self.self, from: document)
        } catch {
            throw ArchiveError(.damaged, at: file, "cannot be decoded: \(error)")
        }
        try checkNumbers(in: file)
    }
}
