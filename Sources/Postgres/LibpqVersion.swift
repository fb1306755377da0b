import CLibpq

/// The version of the libpq this process uses.
package enum LibpqVersion {
    package static var current: ServerVersion { ServerVersion(number: Int(PQlibVersion())) }
}
