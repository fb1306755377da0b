package import FoundationEssentials
import Glibc

/// Formats times of the day for people: local time with its zone.
package enum LocalTime {
    /// Returns a time such as `02:30:00 JST`.
    ///
    /// - Parameter date: The time.
    /// - Returns: The text.
    package static func text(_ date: Date) -> String {
        let (parts, clock) = split(date)
        return clock + zone(parts)
    }

    /// Returns a time with its date, such as `2026-11-29 02:30:00 JST`.
    ///
    /// - Parameter date: The time.
    /// - Returns: The text.
    package static func dated(_ date: Date) -> String {
        let (parts, clock) = split(date)
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday)) \(clock)\(zone(parts))"
    }

    private static func split(_ date: Date) -> (tm, String) {
        var seconds = time_t(date.timeIntervalSince1970.rounded(.down))
        var parts = tm()
        localtime_r(&seconds, &parts)
        return (parts, "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))")
    }

    private static func zone(_ parts: tm) -> String { parts.tm_zone.map { " " + String(cString: $0) } ?? "" }

    private static func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : String(number) }
}
