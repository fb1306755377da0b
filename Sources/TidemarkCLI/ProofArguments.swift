import ArgumentParser
import Tidemark

/// The options for comparing both sides and reporting differences.
struct ProofArguments: ParsableArguments {
    @Flag(help: "Compare every row again, even rows that were proven and have not changed since")
    var full = false

    @Flag(help: "Include the values of differing rows (off by default, because reports are often shared)")
    var showValues = false

    func apply(to options: inout MigrationOptions) {
        options.verifiesInFull = full
        options.showsValues = showValues
    }
}
