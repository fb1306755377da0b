package import Catalog
package import Postgres

extension DefinitionEntry {
    /// Joins the two forms in which `pg_restore` prints the same entries.
    ///
    /// A header of the script is `-- Name: name; Type: KIND; Schema: schema; Owner: -`. A function's body may contain a
    /// line that looks like a header, so a line counts only if it matches an entry later in the list. Rights and event
    /// triggers come last in the script, wherever they are in the list.
    ///
    /// - Parameters:
    ///   - listed: What `pg_restore --list` printed.
    ///   - script: What `pg_restore --file=-` printed.
    ///   - withOwners: Whether to keep the statements that set owners.
    /// - Returns: The entries that have statements.
    package static func entries(
        _ listed: [ListedEntry],
        script: ServerText,
        withOwners: Bool = false
    ) -> [DefinitionEntry] {
        var open: (header: Header, listed: ListedEntry)?
        var body: [ServerText] = []
        var entries: [DefinitionEntry] = []
        var next = listed.startIndex
        func finish() {
            guard let found = open else { return }
            entries.append(
                DefinitionEntry(
                    identity: found.header.identity(in: found.listed),
                    kind: found.header.kind,
                    schema: found.header.schema,
                    name: found.header.name,
                    statement: statements(body, withOwners).joined(separator: "\n"),
                    line: found.listed.line
                )
            )
        }
        for line in script.pieces(between: "\n", omittingEmptySubsequences: false) {
            if let header = Header(line),
                let at = listed[next...].firstIndex(where: header.fits)
                    ?? (header.comesLast ? listed[..<next].firstIndex(where: header.fits) : nil)
            {
                finish()
                open = (header, listed[at])
                body = []
                next = max(next, listed.index(after: at))
            } else {
                body.append(line)
            }
        }
        finish()
        return entries
    }

    /// Removes blank lines, comments and the frame of the next entry from a statement's lines.
    private static func statements(_ body: [ServerText], _ withOwners: Bool) -> [ServerText] {
        var body = body[...]
        // A SET before a header decides where the next table is created; it does not belong to this entry.
        while let last = body.last, last.isEmpty || last == "--" || last.begins(with: "SET default_table") {
            body.removeLast()
        }
        return body.filter { !$0.isEmpty && !$0.begins(with: "--") && (withOwners || !isOwnership($0)) }
    }

    private static func isOwnership(_ line: ServerText) -> Bool {
        line.begins(with: "ALTER ") && line.contains(" OWNER TO ") && line.ends(with: ";")
    }

    private struct Header {
        private static let beginning: ServerText = "-- Name: "

        let name: ServerText
        let kind: String
        let schema: ServerText

        init?(_ line: ServerText) {
            guard line.begins(with: Self.beginning), let type = line.firstRange(of: "; Type: "),
                let place = line.firstRange(of: "; Schema: ", from: type.upperBound),
                let owner = line.firstRange(of: "; Owner: ", from: place.upperBound)
            else { return nil }
            name = line[Self.beginning.utf8.count..<type.lowerBound]
            kind = line[type.upperBound..<place.lowerBound].string
            schema = line[place.upperBound..<owner.lowerBound]
        }

        var comesLast: Bool { ["ACL", "DEFAULT ACL", "EVENT TRIGGER"].contains(kind) }

        func fits(_ entry: ListedEntry) -> Bool { entry.isOf(kind, schema: schema, name: name) }

        /// Entries that are not objects have no oid; they are identified by kind, schema and name.
        func identity(in entry: ListedEntry) -> ServerText {
            entry.object.ends(with: " 0") ? ServerText("\(kind) \(schema.string) \(name.string)") : entry.object
        }
    }
}
