package import FoundationEssentials
import Glibc

/// Formats times of the day for people: local time with its zone.
package enum LocalTime {
    /// Returns a time such as `02:30:00 JST`.
    ///
    /// - Parameter date: The time.
    /// - Returns: The text.
    package static func text(_ date: Date) -> String {
        var seconds = time_t(date.timeIntervalSince1970.rounded(.down))
        var parts = tm()
        localtime_r(&seconds, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : String(number) }
        let zone = parts.tm_zone.map { " " + String(cString: $0) } ?? ""
        return "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))\(zone)"
    }
}
