import CZstd
import Postgres

/// The versions in this build.
public enum Versions {
    /// The version of Tidemark.
    public static let tidemark = "0.1.0"

    /// What was built: a commit, or `development` where `swift build` was called directly.
    public static let build = String(cString: tidemark_build())

    /// The version of Tidemark with its build, and the versions of its C libraries.
    public static var description: String {
        "\(tidemark), build \(build) (libpq \(libpq), libzstd \(String(cString: ZSTD_versionString())))"
    }

    private static var libpq: String { LibpqVersion.current.description }
}
