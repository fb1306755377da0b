import TestSupport

/// Names and values that break code that handles text by characters instead of bytes.
///
/// Each special character is followed by a combining mark, a joiner, a variation selector or a direction mark, and then
/// by text that would be executed if it were outside its quotes.
struct HostileNames {
    /// The table that must never be created.
    static let canary = "p"

    private static let marks: [Unicode.Scalar] = [
        "\u{301}", "\u{338}", "\u{20DD}", "\u{200D}", "\u{FE0F}", "\u{200F}", "\u{202E}", "\u{308}",
    ]
    /// ´ stands for a mark.
    private static let payloads = [
        "\"´ from public.t)to stdout;commit;create table public.p();--", "\"´;create table public.p();--",
        "'´;create table public.p();--", "'´||(select 1)||'´", "\"´ ADD CONSTRAINT \"´", "´\"\"´'´'", "\\´'´;\\\\´",
        "$´$;create table public.p();$$´", "<´script>alert(1)<´/script>", "]]>´<![CDATA[", "&´lt;`´|´*´_",
        "-- Name: ´x; Type",
        "; Schema: ´-", "\n´\\connect x", "\r\n´SET", "\u{1b}´[2J\u{9b}´31m", "` ´$(id)´ ;´ rm", " ´ON public.t ´",
        " NOT VALID´",
        "%I´%s´$1´:x", "/*´", "´*/´--", "#´{{´}}´", " SET (´pg_attver=1)´;", "é", "e\u{301}",
    ]

    private var random: SplitMix
    private var count = 0

    init(seed: UInt64) {
        random = SplitMix(seed: seed)
    }

    /// Returns a unique name of at most 63 bytes, the server's limit.
    mutating func next() -> String {
        count += 1
        let payload = Self.payloads[count % Self.payloads.count]
        let suffix = String(count, radix: 36)
        var name = String.UnicodeScalarView()
        for scalar in payload.unicodeScalars {
            if scalar == "´" {
                let mark = Self.marks[random.next(upTo: Self.marks.count)]
                if String(name).utf8.count + String(mark).utf8.count + suffix.utf8.count <= 63 { name.append(mark) }
            } else if String(name).utf8.count + String(scalar).utf8.count + suffix.utf8.count <= 63 {
                name.append(scalar)
            }
        }
        return String(name) + suffix
    }

    /// Returns a name in double quotes; the test's quoting shares no code with the tool's.
    mutating func quoted() -> String { Self.quoted(next()) }
    mutating func literal() -> String { Self.literal(next()) }

    static func quoted(_ text: String) -> String { wrapped(text, "\"") }
    static func literal(_ text: String) -> String { wrapped(text, "'") }

    private static func wrapped(_ text: String, _ quote: Unicode.Scalar) -> String {
        var result: [UInt8] = [UInt8(ascii: quote)]
        for byte in text.utf8 { result += byte == UInt8(ascii: quote) ? [byte, byte] : [byte] }
        return String(decoding: result + [UInt8(ascii: quote)], as: UTF8.self)
    }

    /// Returns a script for a database in which as many objects as possible have such names, and text keys such values.
    ///
    /// - Parameter tables: The number of tables of each kind.
    /// - Returns: The script; some 90 names and values for each table.
    mutating func script(tables: Int) -> String {
        var sql = ["CREATE TABLE public.t (id int PRIMARY KEY); INSERT INTO public.t VALUES (1)"]
        for number in 0..<tables {
            let schema = quoted()
            sql.append("CREATE SCHEMA \(schema)")
            sql.append("COMMENT ON SCHEMA \(schema) IS \(literal())")
            let mood = "\(schema).\(quoted())"
            let labels = (0..<6).map { _ in literal() }
            sql.append("CREATE TYPE \(mood) AS ENUM (\(labels.joined(separator: ", ")))")
            let domain = "\(schema).\(quoted())"
            sql.append(
                "CREATE DOMAIN \(domain) AS text DEFAULT \(literal()) CONSTRAINT \(quoted()) CHECK (VALUE <> \(literal()))"
            )
            sql.append("CREATE TYPE \(schema).\(quoted()) AS (\(quoted()) int, \(quoted()) text)")
            let sequence = "\(schema).\(quoted())"
            sql.append("CREATE SEQUENCE \(sequence)")
            let table = "\(schema).\(quoted())"
            let (key, text, label) = (quoted(), quoted(), quoted())
            let columns = (0..<12).map { _ in "\(quoted()) int DEFAULT 1" }
            sql.append(
                """
                CREATE TABLE \(table) (\(key) text, \(text) \(domain) DEFAULT \(literal()), \(label) \(mood),
                    \(columns.joined(separator: ", ")), CONSTRAINT \(quoted()) PRIMARY KEY (\(key)),
                    CONSTRAINT \(quoted()) CHECK (\(text) <> \(literal())), CONSTRAINT \(quoted()) UNIQUE (\(text)))
                """
            )
            let rows = (0..<40).map { "(\(literal()), \(literal()), \(labels[$0 % 6]))" }
            sql.append("INSERT INTO \(table) (\(key), \(text), \(label)) VALUES \(rows.joined(separator: ", "))")
            // Enough rows for chunk bounds, which are such values too.
            sql.append(
                "INSERT INTO \(table) (\(key), \(text)) SELECT k || n, k || n FROM (VALUES (\(literal()))) v(k), generate_series(1, 400) n"
            )
            sql.append("CREATE INDEX \(quoted()) ON \(table) (lower(\(text))) WHERE \(text) <> \(literal())")
            sql.append("CREATE INDEX \(quoted()) ON \(table) (\(label), \(text))")
            sql.append("COMMENT ON COLUMN \(table).\(text) IS \(literal())")
            sql.append("CREATE STATISTICS \(schema).\(quoted()) ON \(key), \(text) FROM \(table)")
            let child = "\(schema).\(quoted())"
            sql.append(
                "CREATE TABLE \(child) (\(quoted()) text CONSTRAINT \(quoted()) REFERENCES \(table), id int PRIMARY KEY)"
            )
            sql.append("INSERT INTO \(child) SELECT \(key), row_number() OVER () FROM \(table) LIMIT 30")
            let byMood = "\(schema).\(quoted())"
            sql.append("CREATE TABLE \(byMood) (\(label) \(mood), id int, PRIMARY KEY (\(label), id))")
            sql.append("INSERT INTO \(byMood) SELECT \(labels[0]), n FROM generate_series(1, 300) n")
            sql.append("INSERT INTO \(byMood) SELECT \(labels[5]), n FROM generate_series(1, 300) n")
            let list = "\(schema).\(quoted())"
            sql.append("CREATE TABLE \(list) (\(key) text, id int) PARTITION BY LIST (\(key))")
            let value = literal()
            sql.append("CREATE TABLE \(schema).\(quoted()) PARTITION OF \(list) FOR VALUES IN (\(value), \(literal()))")
            sql.append("CREATE TABLE \(schema).\(quoted()) PARTITION OF \(list) DEFAULT")
            sql.append("INSERT INTO \(list) VALUES (\(value), 1), (\(literal()), 2)")
            let view = "\(schema).\(quoted())"
            sql.append(
                "CREATE VIEW \(view) AS SELECT \(key) AS \(quoted()), \(literal())::text AS \(quoted()) FROM \(table)"
            )
            let snapshot = "\(schema).\(quoted())"
            sql.append(
                "CREATE MATERIALIZED VIEW \(snapshot) AS SELECT \(key) AS \(key) FROM \(table) WHERE \(text) <> \(literal())"
            )
            sql.append("CREATE INDEX \(quoted()) ON \(snapshot) (\(key))")
            let function = "\(schema).\(quoted())"
            sql.append(
                "CREATE FUNCTION \(function)(\(quoted()) text) RETURNS text LANGUAGE sql AS \(Self.literal("SELECT \(literal())::text"))"
            )
            sql.append("COMMENT ON FUNCTION \(function)(text) IS \(literal())")
            let trigger = "\(schema).\(quoted())"
            sql.append("CREATE FUNCTION \(trigger)() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
            sql.append(
                """
                CREATE TRIGGER \(quoted()) BEFORE UPDATE ON \(table) FOR EACH ROW WHEN (OLD.\(text) = \(literal()))
                EXECUTE FUNCTION \(trigger)(\(literal()))
                """
            )
            sql.append("CREATE POLICY \(quoted()) ON \(table) USING (\(text) <> \(literal()))")
            sql.append("CREATE RULE \(quoted()) AS ON DELETE TO \(child) WHERE OLD.id < 0 DO INSTEAD NOTHING")
            if number % 4 == 0 { sql.append("CREATE PUBLICATION \(quoted()) FOR TABLE \(table)") }
        }
        return sql.joined(separator: ";\n") + ";\nANALYZE"
    }

    /// The number of names and values generated so far.
    var made: Int { count }
}
