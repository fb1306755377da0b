import Postgres
import Testing

@Suite struct `A script` {
    private func statements(_ script: String) -> [String] {
        var statements = SQLStatements(Array(script.utf8))
        var found: [String] = []
        while let next = statements.next() { found.append(String(decoding: next, as: UTF8.self)) }
        return found
    }

    @Test func `is split where PostgreSQL splits it, and nothing is lost`() {
        let whole = [
            "SELECT ';';", "SELECT \"a;b\"\"\u{301};\";", "SELECT E'\\';';", "SELECT 'it''s;';", "SELECT $$;$$;",
            "SELECT $a$;$b$;$a$;", "SELECT a$b$ ;", "SELECT $1;", "/* ; /* ; */ ; */ SELECT 1;", "-- ;\nSELECT 1;",
            "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);", "SELECT e'\\\\';", "\nSELECT some'\\';",
            "SELECT 1",
        ]
        #expect(statements(whole.joined()) == whole)
        #expect(statements("").isEmpty)
        #expect(statements("SELECT 'open").joined() == "SELECT 'open")
    }

    @Test func `is searched for words only outside of quotes`() {
        let trigger: ServerText = "CREATE TRIGGER \"x ON public.t \" AFTER INSERT ON public.t FOR EACH ROW"
        #expect(SQLStatements.firstUnquotedRange(of: " ON public.t ", in: trigger) == 44..<57)
        #expect(SQLStatements.firstUnquotedRange(of: " ON public.t ", in: "SELECT ' ON public.t '") == nil)
    }
}
