import FoundationEssentials

/// Formats numbers for people.
package enum Quantity {
    /// Returns a count such as `1,234,567`.
    package static func count(_ number: Int) -> String {
        let digits = String(number.magnitude)
        var grouped = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { grouped += "," }
            grouped.append(digit)
        }
        return number < 0 ? "-" + grouped : grouped
    }

    /// Returns a count with what is counted: `1 table`, `1,234 tables`.
    ///
    /// - Parameters:
    ///   - number: How many.
    ///   - one: What one of them is called.
    ///   - many: What several are called; by default the same with an s.
    /// - Returns: The text.
    package static func count(_ number: Int, _ one: String, many: String? = nil) -> String {
        "\(count(number)) \(number == 1 ? one : many ?? one + "s")"
    }

    /// Returns a size such as `1.2 GB`, in powers of 1000.
    package static func bytes(_ bytes: Int) -> String {
        let units = ["B", "kB", "MB", "GB", "TB", "PB"]
        var value = Double(bytes)
        var unit = 0
        while value >= 1000, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        return unit == 0 ? "\(bytes) B" : "\(oneDecimal(value)) \(units[unit])"
    }

    /// Returns a duration such as `2 h 05 min`, `3 min 20 s` or `4.2 s`.
    package static func duration(_ duration: Duration) -> String { seconds(duration / .seconds(1)) }

    package static func seconds(_ seconds: Double) -> String {
        let whole = Int(seconds)
        if whole >= 3600 { return "\(whole / 3600) h \(padded(whole % 3600 / 60)) min" }
        if whole >= 60 { return "\(whole / 60) min \(padded(whole % 60)) s" }
        return "\(oneDecimal(seconds)) s"
    }

    /// Returns a duration without fractions, for a clock that goes on: `2 h 05 min`, `3 min 20 s` or `4 s`.
    package static func clock(_ seconds: Double) -> String {
        seconds < 60 ? "\(Int(seconds)) s" : Self.seconds(seconds)
    }

    /// Returns two durations as a range: `3.1 s to 1 min 20 s`.
    ///
    /// - Parameters:
    ///   - least: The shorter one, in seconds.
    ///   - most: The longer one, in seconds.
    /// - Returns: The text.
    package static func range(_ least: Double, _ most: Double) -> String {
        let (shorter, longer) = (seconds(least), seconds(most))
        return shorter == longer ? shorter : "\(shorter) to \(longer)"
    }

    private static func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }

    package static func oneDecimal(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
