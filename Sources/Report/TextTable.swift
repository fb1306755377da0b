/// A text table with aligned columns.
package struct TextTable {
    /// How a column is aligned.
    package enum Alignment {
        case left, right
    }

    private let headers: [(String, Alignment)]
    private var rows: [[String]] = []

    package init(_ headers: [(String, Alignment)]) {
        self.headers = headers
    }

    package mutating func append(_ row: String...) {
        precondition(row.count == headers.count, "a row has one cell per header")
        rows.append(row)
    }

    /// The lines of the table, with the header first.
    package var lines: [String] {
        let widths = headers.indices.map { column in
            rows.reduce(headers[column].0.count) { max($0, $1[column].count) }
        }
        func line(_ cells: [String]) -> String {
            let padded = cells.enumerated().map { column, cell in
                let gap = String(repeating: " ", count: widths[column] - cell.count)
                return headers[column].1 == .left ? cell + gap : gap + cell
            }
            var line = padded.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line
        }
        return [line(headers.map(\.0))] + rows.map(line)
    }
}
