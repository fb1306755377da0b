/// How rows are compressed into files.
package struct Compression: Sendable, Hashable {
    /// zstd level, 1 to 19.
    package var level: Int
    /// Compression threads besides the one that delivers the rows; 0: that one compresses.
    package var threads: Int
    /// Size on disk, in bytes, at which rows continue in another file; nil: never.
    package var fileBytes: Int?

    package init(level: Int, threads: Int = 0, fileBytes: Int? = nil) {
        self.level = level
        self.threads = threads
        self.fileBytes = fileBytes
    }
}
