/// Reading everything, without a server.
extension ArchiveDirectory {
    /// Sees that every file of a generation is what its manifest tells.
    ///
    /// - Parameter generation: The generation.
    /// - Throws: ``ArchiveError``, naming the file.
    package static func check(_ generation: Generation) throws {
        let manifest = generation.manifest
        try KnownFile(manifest.definitions, in: generation.folder).read { _ in }
        _ = try ArchivedCatalog(of: generation)
        for file in manifest.files.dropFirst(2) {
            try FrameReader(file, in: generation.folder).read { _ in }
        }
    }
}
