/// Compares two scripts of `pg_dump`, entry by entry.
///
/// What has changed on the source since its definitions were brought. Pure.
///
/// Types, functions, views and all else that stands before the rows are made once, days ahead. A new enum label, a
/// replaced function or a new view would otherwise be missing on the target without a word.
package struct ScriptComparison {
    private let earlier: [String: String]
    private let later: [String: String]

    /// - Parameters:
    ///   - earlier: The script that made the target's definitions.
    ///   - later: The script the source gives now.
    package init(earlier: String, later: String) {
        self.earlier = Self.entries(of: earlier)
        self.later = Self.entries(of: later)
    }

    /// What has changed; owners and grants apart, which may have been left out on purpose.
    package func result() -> VerificationResult {
        var result = VerificationResult(method: "pg_dump")
        result.examined.append(
            VerificationResult.Examined(kind: "definition", source: later.count, target: earlier.count)
        )
        for (name, script) in later.sorted(by: { $0.key < $1.key }) where earlier[name] != script {
            let isNew = earlier[name] == nil
            result.findings.append(
                Finding(
                    "definition",
                    name,
                    .stops,
                    isNew
                        ? "it is new on the source since the run began"
                        : "it has changed on the source since the run began",
                    source: script,
                    target: earlier[name],
                    // The report ends a repair with a semicolon of its own.
                    repair: isNew && script.hasSuffix(";") ? String(script.dropLast()) : nil
                )
            )
        }
        for name in earlier.keys.sorted() where later[name] == nil {
            result.findings.append(
                Finding(
                    "definition",
                    name,
                    .hurts,
                    "the source has it no more since the run began",
                    target: earlier[name]
                )
            )
        }
        return result
    }

    /// A script's entries by what their headers call them: `-- Name: touch(); Type: FUNCTION; Schema: public; Owner: -`.
    private static func entries(of script: String) -> [String: String] {
        var entries: [String: [Substring]] = [:]
        var name: String?
        for line in script.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("-- Name: "), let header = header(line) {
                name = header
                entries[header] = []
            } else if let name, !line.isEmpty, !line.hasPrefix("--"), !isOwnership(line) {
                entries[name, default: []].append(line)
            }
        }
        return entries.filter { !$0.key.hasPrefix("acl ") && !$0.key.hasPrefix("default acl ") }.mapValues {
            $0.joined(separator: "\n")
        }
    }

    private static func header(_ line: Substring) -> String? {
        let parts = line.dropFirst("-- Name: ".count).split(separator: "; ")
        guard parts.count >= 3, let type = parts.first(where: { $0.hasPrefix("Type: ") }),
            let schema = parts.first(where: { $0.hasPrefix("Schema: ") })
        else { return nil }
        let place = schema.dropFirst("Schema: ".count)
        return "\(type.dropFirst("Type: ".count).lowercased()) \(place == "-" ? "" : place + ".")\(parts[0])"
    }

    private static func isOwnership(_ line: Substring) -> Bool {
        line.hasPrefix("ALTER ") && line.contains(" OWNER TO ") && line.hasSuffix(";")
    }
}
