import CLibpq

/// The libpq this process runs on.
package enum LibpqVersion {
    package static var current: ServerVersion { ServerVersion(number: Int(PQlibVersion())) }
}
