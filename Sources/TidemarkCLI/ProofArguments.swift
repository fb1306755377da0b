import ArgumentParser
import Tidemark

/// How both sides are compared, and what is told of differences.
struct ProofArguments: ParsableArguments {
    @Flag(help: "Compare every row again, whatever was proven before and has not changed since.")
    var full = false

    @Flag(help: "Tell what differing rows hold; reports are passed around, so by default only where they differ.")
    var showValues = false

    func apply(to options: inout MigrationOptions) {
        options.verifiesInFull = full
        options.showsValues = showValues
    }
}
