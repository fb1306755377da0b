import CZstd
import Postgres

/// The versions in this build.
public enum Versions {
    /// The version of Tidemark.
    public static let tidemark = "0.1.0"

    /// The version of Tidemark with those of its C libraries.
    public static var description: String {
        "\(tidemark) (libpq \(libpq), libzstd \(String(cString: ZSTD_versionString())))"
    }

    private static var libpq: String { LibpqVersion.current.description }
}
