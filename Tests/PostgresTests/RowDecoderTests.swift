import Postgres
import TestSupport
import Testing

@Suite struct `A decoded row` {
    private struct Item: Decodable, Equatable {
        struct Part: Decodable, Equatable {
            let isLast: Bool
            let name: String?
        }
        enum Kind: String, Decodable { case small, large }

        let plainText: String
        let bigNumber: Int
        let unsigned: UInt32
        let isTrue: Bool
        let ratio: Double?
        let nothing: String?
        let notAsked: Int?
        let kind: Kind
        let parts: [Part]
        let byName: [String: String?]
        let number: Int
    }

    private static let row: SQL = """
        SELECT E'a\\u00e4 "quoted" \\\\ {}[]\\n' AS plain_text, (-9223372036854775808)::bigint AS big_number,
               4294967295::bigint AS unsigned, true AS is_true, 0.25::float8 AS ratio, NULL::text AS nothing,
               'large' AS kind, '[{"isLast": true, "name": null}, {"isLast": false, "name": "x_y"}]'::jsonb AS parts,
               '{"two words": "a", "snake_case": null}'::json AS by_name, '7'::json AS number
        """

    private func decoded<Value: Decodable & Sendable>(_ type: Value.Type, _ sql: SQL) async throws -> [Value] {
        var values: [Value] = []
        try await DatabasePair.with { pair in
            values = try await ThreadConfined.with(pair.source.endpoint, purpose: "test") { connection in
                try await connection.run { try $0.query(type, sql) }
            }
        }
        return values
    }

    @Test func `takes each property from the column of the same name`() async throws {
        let item = try #require(try await decoded(Item.self, Self.row).first)
        #expect(item.plainText == "aä \"quoted\" \\ {}[]\n")
        #expect(item.bigNumber == .min && item.unsigned == .max && item.isTrue && item.ratio == 0.25)
        #expect(
            item.nothing == nil && item.notAsked == nil
                && item.kind == .large && item.number == 7
        )
        #expect(item.parts == [.init(isLast: true, name: nil), .init(isLast: false, name: "x_y")])
        #expect(item.byName["two words"] == "a" && item.byName["snake_case"] == .some(nil))
    }

    private struct Number: Decodable { let n: Int }

    @Test(arguments: ["NULL::int", "'x'", "1.5", "99999999999999999999", "ARRAY[1]", "true"])
    func `is refused if a value has another type`(_ value: String) async throws {
        await #expect {
            try await decoded(Number.self, "SELECT \(SQL(trusted: value)) AS n")
        } throws: { error in
            let error = error as? PostgresError
            return error?.code == .unexpectedAnswer && error?.message.contains("source") == true
        }
    }

    @Test func `is refused if a column is missing`() async throws {
        await #expect(throws: PostgresError.self) { try await decoded(Number.self, "SELECT 1 AS other") }
    }
}
