import Testing

import Rebuild

@Suite struct `The definitions` {
    @Test(arguments: [
        ("3214; 2606 16405 CONSTRAINT public accounts accounts_pkey owner", true),
        ("3215; 1259 16409 INDEX public by_name owner", true),
        ("3216; 0 0 INDEX ATTACH public leaf_pkey owner", true),
        ("3217; 2606 16411 FK CONSTRAINT public orders orders_fk owner", true),
        ("3218; 2606 16412 CHECK CONSTRAINT public t late_check owner", false),
        ("3219; 2620 16413 TRIGGER public t INDEX owner", false),
        ("3220; 0 0 COMMENT public INDEX by_name owner", false),
        ("3221; 3256 16414 POLICY public t p owner", false),
    ])
    func `leave to the engine what it builds, and nothing else`(line: String, isBuilt: Bool) {
        #expect(Definitions.isBuiltByEngine(line[...]) == isBuilt)
    }

    @Test func `lose the frame that only psql understands, and nothing else`() {
        let body = "CREATE FUNCTION f() AS $$\n\\restrict inside\n\\unrestrict inside\n$$;"
        let script = "--\n-- PostgreSQL database dump\n--\n\n\\restrict kEy\n\n\(body)\n\n\\unrestrict kEy\n"
        #expect(Definitions.withoutFrame(script) == "--\n-- PostgreSQL database dump\n--\n\n\n\(body)\n\n")
        #expect(Definitions.withoutFrame(body) == body)
    }
}
