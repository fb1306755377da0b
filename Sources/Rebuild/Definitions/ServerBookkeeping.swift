import Postgres

/// Internal column options of the server, written only by a `pg_dump` that is too old to know them.
///
/// PostgreSQL's minor releases of November 2026 give new columns an option `pg_attver`. Their own `pg_dump` leaves it
/// out; an older one writes it, and an older server refuses it. No option that a user can set begins with `pg_`.
enum ServerBookkeeping {
    private static let reserved = Array("pg_".utf8)
    private static let beginnings = [Array("ALTER TABLE ONLY ".utf8), Array("ALTER FOREIGN TABLE ONLY ".utf8)]
    private static let action = Array(" SET (".utf8)
    private static let separator = Array(", ".utf8)

    /// Removes such options from a script.
    ///
    /// - Parameter script: What `pg_restore` printed.
    /// - Returns: The script, without statements that set nothing else.
    static func removed(from script: ServerText) -> ServerText {
        guard script.contains(" SET (pg_") || script.contains(", pg_") else { return script }
        let bytes = Array(script.utf8)
        var kept: [UInt8] = []
        kept.reserveCapacity(bytes.count)
        var statements = SQLStatements(bytes)
        while let statement = statements.next() {
            kept += without(statement)
        }
        return ServerText(bytes: kept)
    }

    /// Returns the statement unchanged, without some options, or empty.
    private static func without(_ statement: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let start = statement.firstIndex { !SQLStatements.isSpace($0) } ?? statement.endIndex
        let text = statement[start...]
        guard beginnings.contains(where: text.starts(with:)), text.suffix(2).elementsEqual(Array(");".utf8)),
            let place = lastRange(of: action, in: text)
        else { return statement }
        // Their values are numbers: no comma or parenthesis is part of one.
        let options = text[place.upperBound..<(text.endIndex - 2)].split(separator: UInt8(ascii: ",")).map { option in
            option.drop(while: SQLStatements.isSpace)
        }
        let wanted = options.filter { !$0.starts(with: reserved) }
        guard wanted.count < options.count else { return statement }
        guard !wanted.isEmpty else { return statement[..<start] }
        return statement[..<place.upperBound] + wanted.joined(separator: separator) + Array(");".utf8)
    }

    private static func lastRange(of part: [UInt8], in text: ArraySlice<UInt8>) -> Range<Int>? {
        guard text.count >= part.count else { return nil }
        for start in stride(from: text.endIndex - part.count, through: text.startIndex, by: -1)
        where text[start...].starts(with: part) {
            return start..<(start + part.count)
        }
        return nil
    }
}
