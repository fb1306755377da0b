import Postgres

/// `ALTER … DEPENDS ON EXTENSION`, by which a function, an index, a trigger or a view is dropped with an extension.
enum ExtensionDependence {
    private static let beginning = Array("ALTER ".utf8)

    /// Removes these statements for extensions that are left out.
    ///
    /// - Parameters:
    ///   - extensions: The extensions that are left out.
    ///   - script: What `pg_restore` printed.
    /// - Returns: The script without the statements.
    static func removed(_ extensions: Set<ServerText>, from script: ServerText) -> ServerText {
        guard !extensions.isEmpty, script.contains(" DEPENDS ON EXTENSION ") else { return script }
        let endings = extensions.flatMap { name in
            [name, ServerText(Identifier(name).quoted)].map { Array((" DEPENDS ON EXTENSION " + $0 + ";").utf8) }
        }
        let bytes = Array(script.utf8)
        var kept: [UInt8] = []
        kept.reserveCapacity(bytes.count)
        var statements = SQLStatements(bytes)
        while let statement = statements.next() {
            let start = statement.firstIndex { !SQLStatements.isSpace($0) } ?? statement.endIndex
            let isOfOne = endings.contains {
                statement.count > $0.count && statement.suffix($0.count).elementsEqual($0)
            }
            kept += isOfOne && statement[start...].starts(with: beginning) ? statement[..<start] : statement
        }
        return ServerText(bytes: kept)
    }
}
