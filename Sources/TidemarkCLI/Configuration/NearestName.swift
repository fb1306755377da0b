/// The name that somebody probably meant.
enum NearestName {
    /// Returns the known name that differs least, if it differs in few letters.
    ///
    /// - Parameters:
    ///   - name: What was written.
    ///   - known: The names there are.
    /// - Returns: The nearest; nil if none is near.
    static func of(_ name: String, among known: [String]) -> String? {
        let distances = known.map { (name: $0, distance: distance(Array(name.utf8), Array($0.utf8))) }
        guard let nearest = distances.min(by: { $0.distance < $1.distance }) else { return nil }
        // Two letters that were swapped count twice.
        let most = name.utf8.count < 4 ? 1 : max(2, name.utf8.count / 3)
        return nearest.distance <= most ? nearest.name : nil
    }

    /// The number of bytes to insert, remove or replace (Levenshtein's distance).
    private static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
        var row = Array(0...other.count)
        for (line, byte) in one.enumerated() {
            var diagonal = row[0]
            row[0] = line + 1
            for (column, there) in other.enumerated() {
                let replaced = diagonal + (byte == there ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
            }
        }
        return row[other.count]
    }
}
