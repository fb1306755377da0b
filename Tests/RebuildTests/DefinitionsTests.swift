import Testing

import Rebuild

@Suite struct `The definitions` {
    @Test func `lose the frame that only psql understands, and nothing else`() {
        let body = "CREATE FUNCTION f() AS $$\n\\restrict inside\n\\unrestrict inside\n$$;"
        let script = "--\n-- PostgreSQL database dump\n--\n\n\\restrict kEy\n\n\(body)\n\n\\unrestrict kEy\n"
        #expect(Definitions.withoutFrame(script) == "--\n-- PostgreSQL database dump\n--\n\n\n\(body)\n\n")
        #expect(Definitions.withoutFrame(body) == body)
    }
}
