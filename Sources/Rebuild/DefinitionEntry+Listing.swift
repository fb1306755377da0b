package import Catalog

extension DefinitionEntry {
    /// Joins the two forms in which `pg_restore` tells the same entries.
    ///
    /// A line of the list is `id; catalog object KIND schema name owner`, a header of the script `-- Name: name; Type:
    /// KIND; Schema: schema; Owner: -`. A function's body may hold a line that looks like a header: only one that fits
    /// a line of the list still to come is taken for one. Rights come last in the script, wherever they stand in the
    /// list.
    ///
    /// - Parameters:
    ///   - listing: What `pg_restore --list` printed.
    ///   - script: What `pg_restore --file=-` printed.
    /// - Returns: The entries that have statements.
    package static func entries(listing: String, script: String) -> [DefinitionEntry] {
        let lines = listing.split(separator: "\n").filter { !$0.hasPrefix(";") }
        var open: (entry: Header, line: Substring, identity: String)?
        var body: [Substring] = []
        var entries: [DefinitionEntry] = []
        var next = lines.startIndex
        func finish() {
            guard let found = open else { return }
            entries.append(
                DefinitionEntry(
                    identity: found.identity,
                    kind: found.entry.kind,
                    schema: found.entry.schema,
                    name: found.entry.name,
                    statement: statements(body).joined(separator: "\n"),
                    line: String(found.line)
                )
            )
        }
        for line in script.split(separator: "\n", omittingEmptySubsequences: false) {
            if let header = Header(line),
                let at = lines[next...].firstIndex(where: header.fits)
                    ?? (header.isOfRights ? lines[..<next].firstIndex(where: header.fits) : nil)
            {
                finish()
                open = (header, lines[at], header.identity(in: lines[at]))
                body = []
                next = max(next, lines.index(after: at))
            } else {
                body.append(line)
            }
        }
        finish()
        return entries
    }

    /// Without the next entry's frame, and without what says whose it is: that may have been left out on purpose.
    private static func statements(_ body: [Substring]) -> [Substring] {
        var body = body[...]
        // What stands before a header sets where the next table is made; it belongs to no entry.
        while let last = body.last, last.isEmpty || last == "--" || last.hasPrefix("SET default_table") {
            body.removeLast()
        }
        return body.filter { !$0.isEmpty && !$0.hasPrefix("--") && !isOwnership($0) }
    }

    private static func isOwnership(_ line: Substring) -> Bool {
        line.hasPrefix("ALTER ") && line.contains(" OWNER TO ") && line.hasSuffix(";")
    }

    private struct Header {
        let name: String
        let kind: String
        let schema: String

        init?(_ line: Substring) {
            guard line.hasPrefix("-- Name: "), let type = line.firstRange(of: "; Type: "),
                let place = line.firstRange(of: "; Schema: "), let owner = line.firstRange(of: "; Owner: "),
                type.upperBound <= place.lowerBound, place.upperBound <= owner.lowerBound
            else { return nil }
            name = String(line[line.index(line.startIndex, offsetBy: 9)..<type.lowerBound])
            kind = String(line[type.upperBound..<place.lowerBound])
            schema = String(line[place.upperBound..<owner.lowerBound])
        }

        var isOfRights: Bool { kind == "ACL" || kind == "DEFAULT ACL" }

        /// Whether a line of the list is about this.
        func fits(_ line: Substring) -> Bool {
            rest(of: line)?.hasPrefix("\(kind) \(schema) \(name) ") ?? false
        }

        func identity(in line: Substring) -> String {
            let fields = line.split(separator: " ", maxSplits: 3)
            guard fields.count == 4 else { return String(line) }
            return fields[2] == "0" ? "\(kind) \(schema) \(name)" : "\(fields[1]) \(fields[2])"
        }

        private func rest(of line: Substring) -> Substring? {
            let fields = line.split(separator: " ", maxSplits: 3)
            return fields.count == 4 ? fields[3] : nil
        }
    }
}
