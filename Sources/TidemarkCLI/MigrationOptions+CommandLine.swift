import FoundationEssentials
import Tidemark

extension MigrationOptions {
    /// The defaults, with the folder for temporary files taken from the environment.
    static var ofCommandLine: MigrationOptions {
        var options = MigrationOptions()
        options.scratchDirectory = FileManager.default.temporaryDirectory.path
        return options
    }
}
