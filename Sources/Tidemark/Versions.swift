import CZstd
import Postgres

/// What this build is made of.
public enum Versions {
    /// The version of Tidemark.
    public static let tidemark = "0.1.0"

    /// Tidemark with the C libraries it runs on.
    public static var description: String {
        "\(tidemark) (libpq \(libpq), libzstd \(String(cString: ZSTD_versionString())))"
    }

    private static var libpq: String { LibpqVersion.current.description }
}
