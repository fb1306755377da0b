import FoundationEssentials
import Tidemark

extension MigrationOptions {
    /// The defaults, and what the environment says.
    static var ofCommandLine: MigrationOptions {
        var options = MigrationOptions()
        options.scratchDirectory = FileManager.default.temporaryDirectory.path
        return options
    }
}
