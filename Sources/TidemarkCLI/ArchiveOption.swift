import ArgumentParser

/// The option that names the archive's folder.
struct ArchiveOption: ParsableArguments {
    @Option(help: ArgumentHelp("Use the archive in this folder", valueName: "folder"))
    var archive: String
}

/// The option that names the archive's folder, or a stream.
struct ArchiveOrStreamOption: ParsableArguments {
    @Option(help: ArgumentHelp("Use the archive in this folder; - is a tar stream", valueName: "folder"))
    var archive: String

    var isStream: Bool { archive == "-" }
}
