/// How rows become files.
package struct Compression: Sendable, Hashable {
    /// zstd's, 1 to 19.
    package var level: Int
    /// How many threads compress beside the one that brings the rows; 0: that one compresses itself.
    package var threads: Int
    /// From this size on disk on rows go to another file; nil: never.
    package var fileBytes: Int?

    package init(level: Int, threads: Int = 0, fileBytes: Int? = nil) {
        self.level = level
        self.threads = threads
        self.fileBytes = fileBytes
    }
}
