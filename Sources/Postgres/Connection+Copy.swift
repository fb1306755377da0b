import CLibpq
import Glibc

/// The rows and bytes that one COPY moved.
package struct CopyCount: Sendable, Hashable {
    package var rows: Int
    package var bytes: Int

    package static let zero = CopyCount(rows: 0, bytes: 0)

    package init(rows: Int, bytes: Int) {
        self.rows = rows
        self.bytes = bytes
    }

    package static func + (left: Self, right: Self) -> Self {
        CopyCount(rows: left.rows + right.rows, bytes: left.bytes + right.bytes)
    }
}

extension Connection {
    /// Streams `COPY … TO STDOUT` from here into `COPY … FROM STDIN` there, holding at most one batch in memory.
    ///
    /// Both calls block, which provides back-pressure: nothing is read that cannot be written. Rows are collected into
    /// batches of 64 KiB; sent one by one they cost the target about a tenth more CPU.
    ///
    /// - Parameters:
    ///   - copyOut: The COPY statement for this end.
    ///   - target: The other end, used by the same thread.
    ///   - copyIn: The COPY statement for the other end.
    ///   - progress: Receives the number of bytes of each batch.
    /// - Returns: The rows and bytes moved.
    /// - Throws: ``PostgresError`` with `.copyFailed` if either end failed, or if the two command tags and the number of
    ///   rows relayed do not all agree.
    package func relay(
        _ copyOut: SQL,
        to target: Connection,
        _ copyIn: SQL,
        progress: (Int) -> Void
    ) throws -> CopyCount {
        try begin(copyOut, expecting: PGRES_COPY_OUT)
        do {
            try target.begin(copyIn, expecting: PGRES_COPY_IN)
        } catch {
            abandonCopyOut()
            throw error
        }
        let moved: CopyCount
        do {
            moved = try passRows(to: target, progress: progress)
        } catch {
            throw try relayFailure(error, target: target)
        }
        let sent = try endCopyOut()
        let received = try target.endCopyIn()
        return try checked(moved, of: copyOut, sent: sent, received: received)
    }

    /// Passes all rows of a running COPY OUT to a running COPY IN, in batches.
    func passRows(to target: Connection, progress: (Int) -> Void) throws -> CopyCount {
        var batch = CopyBatch(connection: target)
        var moved = CopyCount.zero
        while let length = try nextCopyMessage({ bytes in try batch.append(bytes) }) {
            moved.rows += 1
            moved.bytes += length
            if batch.isFull {
                progress(batch.count)
                try batch.send()
            }
        }
        progress(batch.count)
        try batch.send()
        return moved
    }

    /// Checks that as many rows were stored as were sent.
    func checked(_ moved: CopyCount, of copyOut: SQL, sent: Int, received: Int) throws -> CopyCount {
        // A binary stream ends with a trailer in a separate message (PostgreSQL manual, COPY, File Formats).
        let seen = isBinaryCopy(copyOut) ? moved.rows - 1 : moved.rows
        guard sent == received, sent == seen else {
            throw PostgresError(
                .copyFailed,
                "the source sent \(sent) rows, \(seen) were relayed, and the target stored \(received)",
                hint: "a trigger or rule on the target table swallows rows; it must not exist while data is loaded"
            )
        }
        return CopyCount(rows: sent, bytes: moved.bytes)
    }

    /// Streams bytes from another origin into `COPY … FROM STDIN`.
    ///
    /// - Parameters:
    ///   - copyIn: The COPY statement.
    ///   - feed: Passes on the bytes in pieces; if it throws, the COPY ends without storing a row.
    /// - Returns: The number of rows the server stored.
    /// - Throws: ``PostgresError`` with `.copyFailed`, and what `feed` throws.
    package func load(
        _ copyIn: SQL,
        _ feed: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) throws -> Int {
        try begin(copyIn, expecting: PGRES_COPY_IN)
        do {
            try feed { bytes in
                try putCopyData(bytes)
                if hasAnswerWaiting { throw PostgresError(.copyFailed, "the target stopped accepting rows") }
            }
        } catch {
            _ = PQputCopyEnd(pointer, "the other end failed")
            do {
                _ = try takeCopyResult()
            } catch let failure as PostgresError where failure.sqlState != "57014" {
                throw failure
            } catch {}
            throw error
        }
        return try endCopyIn()
    }

    /// Starts a `COPY … TO STDOUT`, whose messages are then fetched one at a time.
    package func beginCopyOut(_ sql: SQL) throws {
        try begin(sql, expecting: PGRES_COPY_OUT)
    }

    /// Passes the next message of a running COPY OUT to `body`; the bytes are valid only during the call.
    ///
    /// - Parameter body: Receives the bytes; in text format one message is one row with its newline.
    /// - Returns: The number of bytes, nil at the end of the data (call ``endCopyOut()`` next).
    /// - Throws: ``PostgresError``, and what `body` throws.
    package func nextCopyMessage(_ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Int? {
        var buffer: UnsafeMutablePointer<CChar>?
        let length = Int(PQgetCopyData(pointer, &buffer, 0))
        switch length {
        case -1: return nil
        case -2: throw error(of: Answer(pointer: PQgetResult(pointer)), .copyFailed)
        default:
            defer { PQfreemem(buffer) }
            try body(UnsafeRawBufferPointer(start: buffer, count: length))
            return length
        }
    }

    /// Reads the end of a COPY OUT; an error may arrive after the last row.
    ///
    /// - Returns: The number of rows in its command tag.
    /// - Throws: ``PostgresError`` with `.copyFailed`.
    @discardableResult
    package func endCopyOut() throws -> Int {
        try takeCopyResult()
    }

    func endCopyIn() throws -> Int {
        guard PQputCopyEnd(pointer, nil) == 1 else { throw error(of: Answer(pointer: nil), .copyFailed) }
        return try takeCopyResult()
    }

    /// Sends bytes to a running COPY IN; blocks while the server does not accept them.
    func putCopyData(_ bytes: UnsafeRawBufferPointer) throws {
        guard !bytes.isEmpty else { return }
        let status = PQputCopyData(pointer, bytes.assumingMemoryBound(to: CChar.self).baseAddress, Int32(bytes.count))
        guard status == 1 else { throw error(of: Answer(pointer: nil), .copyFailed) }
    }

    /// Whether the server has sent an answer during COPY IN, which means that the COPY has failed.
    var hasAnswerWaiting: Bool {
        var descriptor = pollfd(fd: PQsocket(pointer), events: Int16(POLLIN), revents: 0)
        return poll(&descriptor, 1, 0) > 0
    }

    // MARK: Steps

    private func begin(_ sql: SQL, expecting status: ExecStatusType) throws {
        let result = try answer(to: sql)
        guard PQresultStatus(result.pointer) == status else {
            throw PostgresError(.unexpectedAnswer, "the server did not start a COPY")
        }
    }

    private func takeCopyResult() throws -> Int {
        var rows: Int?
        var failure: PostgresError?
        while let next = PQgetResult(pointer) {
            let result = Answer(pointer: next)
            if PQresultStatus(result.pointer) == PGRES_COMMAND_OK {
                rows = try affectedRows(of: result)
            } else if failure == nil {
                failure = error(of: result, .copyFailed)
            }
            if isBroken { break }
        }
        if let failure { throw failure }
        guard let rows else { throw error(of: Answer(pointer: nil), .copyFailed) }
        return rows
    }

    /// Ends both halves of a failed relay and returns the error that caused the failure.
    private func relayFailure(_ cause: any Error, target: Connection) throws -> any Error {
        _ = PQputCopyEnd(target.pointer, "the other end failed")
        var targetFailure: PostgresError?
        do {
            _ = try target.takeCopyResult()
        } catch let error as PostgresError {
            targetFailure = error
        }
        abandonCopyOut()
        // 57014 is how the target reports our own "the other end failed".
        if let targetFailure, targetFailure.sqlState != "57014" { return targetFailure }
        return cause
    }

    /// Cancels a COPY OUT that is no longer needed and drains the data still on its way.
    private func abandonCopyOut() {
        cancelRunningStatement()
        var buffer: UnsafeMutablePointer<CChar>?
        while PQgetCopyData(pointer, &buffer, 0) > 0 { PQfreemem(buffer) }
        while let result = PQgetResult(pointer) { PQclear(result) }
    }

    func cancelRunningStatement() {
        guard let cancel = PQgetCancel(pointer) else { return }
        var message = [CChar](repeating: 0, count: 256)
        _ = PQcancel(cancel, &message, Int32(message.count))
        PQfreeCancel(cancel)
    }

    private func isBinaryCopy(_ sql: SQL) -> Bool { sql.text.ends(with: CopyFormat.binary.clause.text) }
}

/// The two COPY formats the tool uses.
package enum CopyFormat: String, Sendable, Codable {
    /// The format that works for every type.
    case text
    /// Takes about a third less CPU; for types whose binary form means the same on every server.
    case binary

    /// The end of a COPY statement.
    package var clause: SQL {
        switch self {
        case .text: "(FORMAT text)"
        case .binary: "(FORMAT binary)"
        }
    }
}

/// Collects rows so that the target receives one protocol message per 64 KiB.
struct CopyBatch: ~Copyable {
    private static let capacity = 64 << 10
    /// The number of batches between two checks for an early answer of the target.
    private static let listenEvery = 64

    private let connection: Connection
    private let bytes = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 64)
    private(set) var count = 0
    private var sent = 0

    init(connection: Connection) {
        self.connection = connection
    }

    deinit { bytes.deallocate() }

    var isFull: Bool { count >= Self.capacity * 7 / 8 }

    mutating func append(_ row: UnsafeRawBufferPointer) throws {
        if row.count > Self.capacity - count {
            try send()
            // A row larger than a batch is sent directly from libpq's memory.
            if row.count > Self.capacity {
                try connection.putCopyData(row)
                return
            }
        }
        if let start = row.baseAddress { (bytes + count).copyMemory(from: start, byteCount: row.count) }
        count += row.count
    }

    mutating func send() throws {
        try connection.putCopyData(UnsafeRawBufferPointer(start: bytes, count: count))
        count = 0
        sent += 1
        if sent % Self.listenEvery == 0, connection.hasAnswerWaiting {
            throw PostgresError(.copyFailed, "the target stopped accepting rows")
        }
    }
}
