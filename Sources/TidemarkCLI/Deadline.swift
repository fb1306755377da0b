import FoundationEssentials
import Glibc

/// A moment by which everything has to be done, from the arguments of `--deadline` and `--window`.
struct Deadline: Sendable {
    let date: Date

    /// A time of the day that comes later than this is taken for one that has just passed.
    private static let longest = 18.0 * 3600

    /// Reads a local time: `02:30`, `02:30:00` or `2026-11-29T02:30`.
    ///
    /// A time of the day is the next one, unless that is more than 18 hours away: then it is the one that has just passed.
    ///
    /// - Parameters:
    ///   - text: The time.
    ///   - now: The current time.
    init?(time text: String, now: Date = .now) {
        let halves = text.utf8.split(separator: UInt8(ascii: "T"), omittingEmptySubsequences: false)
        guard halves.count <= 2, let clock = halves.last else { return nil }
        let parts = Self.numbers(clock, separator: UInt8(ascii: ":"))
        guard [2, 3].contains(parts.count), parts[0] < 24, parts[1] < 60, parts.count == 2 || parts[2] < 60 else {
            return nil
        }
        var seconds = time_t(now.timeIntervalSince1970)
        var local = tm()
        localtime_r(&seconds, &local)
        if halves.count == 2 {
            let day = Self.numbers(halves[0], separator: UInt8(ascii: "-"))
            guard day.count == 3, (1970...9999).contains(day[0]), (1...12).contains(day[1]), (1...31).contains(day[2])
            else {
                return nil
            }
            (local.tm_year, local.tm_mon, local.tm_mday) = (Int32(day[0] - 1900), Int32(day[1] - 1), Int32(day[2]))
        }
        (local.tm_hour, local.tm_min) = (Int32(parts[0]), Int32(parts[1]))
        local.tm_sec = parts.count == 3 ? Int32(parts[2]) : 0
        local.tm_isdst = -1
        var moment = local
        let made = mktime(&moment)
        if halves.count == 1, Double(made) <= now.timeIntervalSince1970 {
            // Tomorrow; mktime knows how long that day is.
            local.tm_mday += 1
            moment = local
            let next = Date(timeIntervalSince1970: Double(mktime(&moment)))
            date = next.timeIntervalSince(now) <= Self.longest ? next : Date(timeIntervalSince1970: Double(made))
        } else {
            date = Date(timeIntervalSince1970: Double(made))
        }
    }

    /// Reads a duration from now: `4h`, `90m`, `45s`, `1h30m`.
    ///
    /// - Parameters:
    ///   - text: The duration.
    ///   - now: The current time.
    init?(window text: String, now: Date = .now) {
        let units: [(unit: UInt8, seconds: Int)] = [
            (UInt8(ascii: "h"), 3600), (UInt8(ascii: "m"), 60), (UInt8(ascii: "s"), 1),
        ]
        var (digits, seconds, rest) = ("", 0, units[...])
        for byte in text.utf8 {
            if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte), digits.utf8.count < 6 {
                digits.append(Character(Unicode.Scalar(byte)))
                continue
            }
            guard let number = Int(digits), let index = rest.firstIndex(where: { $0.unit == byte }) else { return nil }
            seconds += number * rest[index].seconds
            rest = rest[(index + 1)...]
            digits = ""
        }
        guard digits.isEmpty, seconds > 0 else { return nil }
        date = now.addingTimeInterval(Double(seconds))
    }

    /// The time in the form that ``init(time:now:)`` reads, to the second.
    var text: String {
        var seconds = time_t(date.timeIntervalSince1970.rounded())
        var local = tm()
        localtime_r(&seconds, &local)
        func padded(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let day = "\(local.tm_year + 1900)-\(padded(local.tm_mon + 1))-\(padded(local.tm_mday))"
        return "\(day)T\(padded(local.tm_hour)):\(padded(local.tm_min)):\(padded(local.tm_sec))"
    }

    /// The numbers between separators; empty if one of them is none.
    private static func numbers(_ text: Substring.UTF8View, separator: UInt8) -> [Int] {
        let parts = text.split(separator: separator, omittingEmptySubsequences: false)
        let numbers = parts.compactMap { part in
            (1...4).contains(part.count) && part.allSatisfy { (48...57).contains($0) } ? Int(Substring(part)) : nil
        }
        return numbers.count == parts.count ? numbers : []
    }
}
