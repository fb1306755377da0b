import TestSupport

/// A random schema: each seed gives another database.
struct RandomSchema {
    private static let types = [
        "int", "bigint", "smallint", "numeric(12, 3)", "text", "varchar(40)", "char(5)", "boolean", "date",
        "timestamptz",
        "timestamp", "interval", "uuid", "jsonb", "json", "bytea", "double precision", "inet", "int[]", "text[]",
        "mood",
        "positive", "address", "tsvector", "point", "int4range", "bit(4)", "money", "time", "xid",
    ]
    private static let values = [
        "int": "n % 97", "bigint": "n * 1000003", "smallint": "n % 50", "numeric(12, 3)": "n / 7.0",
        "text": "'text ' || n", "varchar(40)": "repeat('ü', n % 30)", "char(5)": "'c' || n % 9", "boolean": "n % 3 = 0",
        "date": "date '2024-01-01' + n % 400", "timestamptz": "timestamptz '2024-01-01' + n * interval '1 hour'",
        "timestamp": "timestamp '1999-12-31' - n * interval '1 day'", "interval": "n * interval '1 month 26 hours'",
        "uuid": "md5(n::text)::uuid", "jsonb": "jsonb_build_object('n', n, 'x', NULL)",
        "json": "('{ \"n\" :' || n || '}')::json",
        "bytea": "decode(md5(n::text), 'hex')", "double precision": "n / 3.0::double precision",
        "inet": "inet '10.0.0.0' + n",
        "int[]": "ARRAY[n, NULL, n + 1]", "text[]": "ARRAY['a,b', 'c\"d', n::text]",
        "mood": "(ARRAY['sad', 'ok', 'happy']::mood[])[1 + n % 3]",
        "positive": "1 + n % 1000", "address": "ROW('street ' || n, n)::address",
        "tsvector": "to_tsvector('simple', 'word ' || n)",
        "point": "point(n, -n)", "int4range": "int4range(n, n + 5)", "bit(4)": "(n % 16)::bit(4)", "money": "n::money",
        "time": "time '00:00' + n * interval '7 minutes'", "xid": "(n::text)::xid",
    ]
    private static let ordered: Set = [
        "int", "bigint", "smallint", "numeric(12, 3)", "text", "varchar(40)", "char(5)", "boolean", "date",
        "timestamptz",
        "timestamp", "interval", "uuid", "jsonb", "bytea", "double precision", "inet", "int[]", "text[]", "mood",
        "positive",
        "int4range", "bit(4)", "money", "time",
    ]
    private static let names = [
        "t", "Order", "select", "with space", "ünï", "dot.ted", "quo\"ted", "a_very_long_name_that_goes_on",
    ]

    /// SQL that creates the schema and its rows.
    let sql: String
    /// Writes that an application makes afterwards.
    let changes: String

    init(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let types = [
            "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')", "CREATE TYPE address AS (street text, number int)",
            "CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
            "CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * $1'",
            "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            "CREATE SCHEMA other",
        ]
        var made: [String] = []
        var afterwards: [String] = []
        var tables: [(name: String, key: String, columns: [String])] = []
        for number in 0..<(3 + random.next(upTo: 5)) { Self.table(number, &random, &made, &tables, &afterwards) }
        sql = (types + made).joined(separator: ";\n")
        changes = afterwards.joined(separator: ";\n")
    }

    private static func quoted(_ name: String) -> String { "\"" + name.replacing("\"", with: "\"\"") + "\"" }

    private static func table(
        _ number: Int,
        _ random: inout SplitMix,
        _ statements: inout [String],
        _ tables: inout [(name: String, key: String, columns: [String])],
        _ changes: inout [String]
    ) {
        let schema = random.next(upTo: 3) == 0 ? "other" : "public"
        let plain = names[random.next(upTo: names.count)] + String(number)
        let name = "\(schema).\(quoted(plain))"
        let types = (0..<(1 + random.next(upTo: 7))).map { _ in Self.types[random.next(upTo: Self.types.count)] }
        let columns = types.indices.map { quoted("\(names[random.next(upTo: names.count)])_\($0)") }
        let key = [
            "id bigserial", "id int GENERATED ALWAYS AS IDENTITY", "id int", "id uuid DEFAULT gen_random_uuid()",
            "id text",
        ][
            random.next(upTo: 5)
        ]
        let hasKey = random.next(upTo: 6) > 0
        let isPartitioned = hasKey && random.next(upTo: 5) == 0
        var parts = ["\(key)\(hasKey ? " PRIMARY KEY" : "")"]
        parts += zip(columns, types).map { column, type in
            let isNotNull = random.next(upTo: 4) == 0
            return "\(column) \(type)\(isNotNull ? " NOT NULL" : "")\(random.next(upTo: 5) == 0 ? " DEFAULT NULL" : "")"
        }
        if types.contains("int"), let index = types.firstIndex(of: "int") {
            parts.append("made int GENERATED ALWAYS AS (\(columns[index]) * 2) STORED")
            if random.next(upTo: 2) == 0 { parts.append("CONSTRAINT low CHECK (\(columns[index]) < 1000)") }
        }
        if let other = tables.last(where: { $0.key == "int" }), random.next(upTo: 2) == 0 {
            parts.append("ref int REFERENCES \(other.name) DEFERRABLE")
        }
        let modulus =
            isPartitioned ? " PARTITION BY HASH (id)" : random.next(upTo: 4) == 0 ? " WITH (fillfactor = 70)" : ""
        statements.append("CREATE TABLE \(name) (\(parts.joined(separator: ", ")))\(modulus)")
        if isPartitioned {
            for remainder in 0..<3 {
                let leaf = "\(schema).\(quoted("\(plain)_p\(remainder)"))"
                statements.append(
                    "CREATE TABLE \(leaf) PARTITION OF \(name) FOR VALUES WITH (MODULUS 3, REMAINDER \(remainder))"
                )
            }
        }
        let rows = [0, 1, 7, 900][random.next(upTo: 4)]
        let isGiven = key == "id int" || key == "id text"
        let list = ((isGiven ? ["id"] : []) + columns).joined(separator: ", ")
        let all = ((isGiven ? [key == "id int" ? "n" : "'key ' || n"] : []) + types.map { values[$0] ?? "NULL" })
        statements.append(
            "INSERT INTO \(name) (\(list)) SELECT \(all.joined(separator: ", ")) FROM generate_series(1, \(rows)) n"
        )
        for (column, type) in zip(columns, types) where ordered.contains(type) && random.next(upTo: 3) == 0 {
            let forms = [
                "(\(column))", "(\(column) DESC)", "(\(column)) WHERE \(column) IS NOT NULL",
                "((\(column) IS NULL), \(column))",
            ]
            statements.append("CREATE INDEX ON \(name) \(forms[random.next(upTo: forms.count)])")
        }
        extras(name, plain, columns, &random, &statements)
        // Rows are inserted, updated and deleted after the copy.
        if rows > 0, !columns.isEmpty {
            changes.append("DELETE FROM \(name) WHERE ctid IN (SELECT ctid FROM \(name) LIMIT \(random.next(upTo: 5)))")
            changes.append(
                "UPDATE \(name) SET \(columns[0]) = \(columns[0]) WHERE ctid IN (SELECT ctid FROM \(name) LIMIT 3)"
            )
        }
        if key == "id int", hasKey, !isPartitioned { tables.append((name, "int", columns)) }
    }

    private static func extras(
        _ name: String,
        _ plain: String,
        _ columns: [String],
        _ random: inout SplitMix,
        _ statements: inout [String]
    ) {
        let view = quoted("view of \(plain)")
        let all = [
            "COMMENT ON TABLE \(name) IS 'It''s a table; --'",
            "CREATE VIEW \(view) AS SELECT id, \(columns[0]) FROM \(name) WHERE id IS NOT NULL",
            "CREATE MATERIALIZED VIEW \(quoted("kept " + plain)) AS SELECT count(*) AS n, twice(3) FROM \(name)",
            "CREATE TRIGGER seen BEFORE UPDATE ON \(name) FOR EACH ROW EXECUTE FUNCTION nothing()",
            "ALTER TABLE \(name) ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON \(name) FOR SELECT USING (id IS NOT NULL)",
            "CREATE STATISTICS \(quoted("of " + plain)) (ndistinct) ON id, \(columns[0]) FROM \(name)",
            "CREATE RULE nothing AS ON DELETE TO \(name) WHERE OLD.id IS NULL DO INSTEAD NOTHING",
            "GRANT SELECT ON \(name) TO PUBLIC",
            "ALTER TABLE \(name) REPLICA IDENTITY FULL; CREATE PUBLICATION \(quoted("pub " + plain)) FOR TABLE \(name) WITH (publish = 'insert')",
            "ALTER TABLE \(name) REPLICA IDENTITY FULL",
            "ALTER TABLE \(name) ALTER COLUMN \(columns[0]) SET STATISTICS 50",
        ]
        for statement in all where random.next(upTo: 4) == 0 {
            // The server refuses a statistics object over a type without an order.
            statements.append(
                statement.hasPrefix("CREATE STATISTICS")
                    ? "DO $do$ BEGIN \(statement); EXCEPTION WHEN OTHERS THEN NULL; END $do$" : statement
            )
        }
    }
}
