import CLibpq
import FoundationEssentials

/// Decodes one row of an answer, each property from the column of its name.
///
/// Columns are named in `snake_case`. A column of type `json` or `jsonb` is decoded as a document, with its keys
/// unchanged; any other column is a single value. Arrays of the server are not decoded: a query turns them into JSON.
struct RowDecoder: Decoder {
    /// The columns, shared by all rows of an answer.
    final class Columns {
        let numbers: [String: Int32]
        private let documents: Set<Int32>

        init(_ answer: borrowing Answer) {
            var numbers: [String: Int32] = [:]
            var documents: Set<Int32> = []
            for column in 0..<PQnfields(answer.pointer) {
                guard let name = PQfname(answer.pointer, column) else { continue }
                numbers[Self.property(String(cString: name))] = column
                if [ServerType.json, ServerType.jsonb].contains(PQftype(answer.pointer, column)) {
                    documents.insert(column)
                }
            }
            self.numbers = numbers
            self.documents = documents
        }

        func isDocument(_ column: Int32) -> Bool { documents.contains(column) }

        /// `is_not_null` is `isNotNull`.
        private static func property(_ column: String) -> String {
            let words = column.utf8.split(separator: UInt8(ascii: "_")).map(Substring.init)
            return words.dropFirst().reduce(String(words.first ?? "")) {
                $0 + $1.prefix(1).uppercased() + $1.dropFirst()
            }
        }
    }

    /// Object ids of types from `pg_type.dat`, the same on every server.
    private enum ServerType {
        static let json: Oid = 114
        static let jsonb: Oid = 3802
    }

    /// The answer's pointer, valid while the row is decoded.
    let answer: OpaquePointer?
    let row: Int32
    let columns: Columns

    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(RowContainer<Key>(row: self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        throw DecodingError.typeMismatch([String].self, .init(codingPath: [], debugDescription: "a row is not a list"))
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        throw DecodingError.typeMismatch(String.self, .init(codingPath: [], debugDescription: "a row is not a value"))
    }

    /// The text of a column; nil if it is NULL or does not exist.
    fileprivate func value(_ key: any CodingKey) -> UnsafePointer<CChar>? {
        guard let column = columns.numbers[key.stringValue], PQgetisnull(answer, row, column) == 0 else { return nil }
        return UnsafePointer(PQgetvalue(answer, row, column))
    }

    fileprivate func document(_ key: any CodingKey) -> Data? {
        guard let column = columns.numbers[key.stringValue], columns.isDocument(column) else { return nil }
        return Data(bytes: PQgetvalue(answer, row, column), count: Int(PQgetlength(answer, row, column)))
    }
}

/// The columns of one row.
private struct RowContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let row: RowDecoder

    var codingPath: [any CodingKey] { [] }
    var allKeys: [Key] { row.columns.numbers.keys.compactMap { Key(stringValue: $0) } }

    func contains(_ key: Key) -> Bool { row.columns.numbers[key.stringValue] != nil }
    func decodeNil(forKey key: Key) -> Bool { row.value(key) == nil }

    func decode(_ type: String.Type, forKey key: Key) throws -> String { try text(key).string() }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try text(key).boolean() }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try text(key).double() }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { Float(try text(key).double()) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try text(key).integer() }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try text(key).integer() }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try text(key).integer() }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try text(key).integer() }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try text(key).integer() }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try text(key).integer() }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try text(key).integer() }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try text(key).integer() }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try text(key).integer() }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try text(key).integer() }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        let text = try text(key)
        // Most catalog values are of this type; decode them without a decoder for each.
        if type == ServerText.self, row.document(key) == nil, let value = ServerText(try text.string()) as? Value {
            return value
        }
        if let document = row.document(key) { return try JSONDecoder().decode(type, from: document) }
        return try Value(from: text)
    }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) throws
        -> KeyedDecodingContainer<Nested>
    {
        throw noContainer(key)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer { throw noContainer(key) }
    func superDecoder() throws -> any Decoder { row }
    func superDecoder(forKey key: Key) throws -> any Decoder { try text(key) }

    private func text(_ key: Key) throws -> ColumnText {
        guard let bytes = row.value(key) else {
            throw contains(key)
                ? DecodingError.valueNotFound(String.self, .init(codingPath: [key], debugDescription: "it is NULL"))
                : DecodingError.keyNotFound(key, .init(codingPath: [], debugDescription: "there is no such column"))
        }
        return ColumnText(bytes: bytes, key: key)
    }

    private func noContainer(_ key: Key) -> DecodingError {
        .typeMismatch([String].self, .init(codingPath: [key], debugDescription: "a column is not a container"))
    }
}

/// One value of a row, as the server wrote it.
private struct ColumnText: Decoder, SingleValueDecodingContainer {
    let bytes: UnsafePointer<CChar>
    let key: any CodingKey

    var codingPath: [any CodingKey] { [key] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func string() throws -> String {
        // A silently repaired name would be the name of another object.
        guard let string = String(validatingCString: bytes) else {
            throw refused(String.self, "it is not valid UTF-8: '\(String(cString: bytes).visible)'")
        }
        return string
    }

    func boolean() throws -> Bool {
        switch (UInt8(bitPattern: bytes[0]), bytes[0] == 0 ? 0 : bytes[1]) {
        case (UInt8(ascii: "t"), 0): true
        case (UInt8(ascii: "f"), 0): false
        default: throw refused(Bool.self, "it is not a boolean")
        }
    }

    func integer<Integer: FixedWidthInteger>() throws -> Integer {
        guard let integer = Integer(String(cString: bytes)) else {
            throw refused(Integer.self, "it is not an integer of this type: '\(String(cString: bytes))'")
        }
        return integer
    }

    func double() throws -> Double {
        guard let number = Double(String(cString: bytes)) else {
            throw refused(Double.self, "it is not a number: '\(String(cString: bytes))'")
        }
        return number
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        throw refused([String: String].self, "it is not a document")
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw refused([String].self, "it is not a list") }
    func singleValueContainer() -> any SingleValueDecodingContainer { self }

    func decodeNil() -> Bool { false }
    func decode(_ type: String.Type) throws -> String { try string() }
    func decode(_ type: Bool.Type) throws -> Bool { try boolean() }
    func decode(_ type: Double.Type) throws -> Double { try double() }
    func decode(_ type: Float.Type) throws -> Float { Float(try double()) }
    func decode(_ type: Int.Type) throws -> Int { try integer() }
    func decode(_ type: Int8.Type) throws -> Int8 { try integer() }
    func decode(_ type: Int16.Type) throws -> Int16 { try integer() }
    func decode(_ type: Int32.Type) throws -> Int32 { try integer() }
    func decode(_ type: Int64.Type) throws -> Int64 { try integer() }
    func decode(_ type: UInt.Type) throws -> UInt { try integer() }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try integer() }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try integer() }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try integer() }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try integer() }
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try Value(from: self) }

    private func refused(_ type: Any.Type, _ reason: String) -> DecodingError {
        .typeMismatch(type, .init(codingPath: codingPath, debugDescription: reason))
    }
}
