import ArgumentParser

/// A size as PostgreSQL writes it: `64MB`, `8kB`, `1GB`; powers of 1024.
struct ByteSize: ExpressibleByArgument {
    let bytes: Int

    init?(argument: String) {
        let digits = argument.prefix { $0.isNumber }
        let unit = argument.dropFirst(digits.count).drop { $0 == " " }.lowercased()
        let shifts = ["": 0, "b": 0, "kb": 10, "mb": 20, "gb": 30, "tb": 40]
        guard let number = Int(digits), let shift = shifts[unit], number <= Int.max >> (shift + 1) else {
            return nil
        }
        bytes = number << shift
    }
}
