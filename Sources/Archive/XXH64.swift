/// The 64-bit hash of xxHash: fast and well mixed, but not cryptographic
/// (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md; zstd's content checksums are its lower half).
package enum XXH64 {
    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

    /// The four sums that take stripes of 32 bytes.
    private struct Lanes: Hashable {
        private var first = prime1 &+ prime2
        private var second = prime2
        private var third: UInt64 = 0
        private var fourth = 0 &- prime1

        @inline(__always)
        mutating func add(_ stripe: UnsafeRawBufferPointer, at position: Int) {
            first = round(first, stripe.word(position))
            second = round(second, stripe.word(position + 8))
            third = round(third, stripe.word(position + 16))
            fourth = round(fourth, stripe.word(position + 24))
        }

        @inline(__always)
        var sum: UInt64 {
            let hash = rotate(first, 1) &+ rotate(second, 7) &+ rotate(third, 12) &+ rotate(fourth, 18)
            return merge(merge(merge(merge(hash, first), second), third), fourth)
        }
    }

    /// The hash of bytes that arrive in pieces.
    struct Stream: Hashable {
        private var lanes = Lanes()
        private var count: UInt64 = 0
        /// The incomplete last stripe, fewer than 32 bytes.
        private var rest: [UInt8] = []

        mutating func add(_ bytes: UnsafeRawBufferPointer) {
            count += UInt64(bytes.count)
            var position = 0
            if !rest.isEmpty {
                position = min(32 - rest.count, bytes.count)
                rest.append(contentsOf: bytes[..<position])
                guard rest.count == 32 else { return }
                rest.withUnsafeBytes { lanes.add($0, at: 0) }
                rest.removeAll(keepingCapacity: true)
            }
            while position + 32 <= bytes.count {
                lanes.add(bytes, at: position)
                position += 32
            }
            rest.append(contentsOf: bytes[position...])
        }

        /// The hash of all bytes added.
        var hash: UInt64 {
            rest.withUnsafeBytes { finish(count >= 32 ? lanes.sum : prime5, count: count, rest: $0, from: 0) }
        }
    }

    /// The hash of bytes, with seed 0.
    package static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var position = 0
        var hash = prime5
        if bytes.count >= 32 {
            var lanes = Lanes()
            while position + 32 <= bytes.count {
                lanes.add(bytes, at: position)
                position += 32
            }
            hash = lanes.sum
        }
        return finish(hash, count: UInt64(bytes.count), rest: bytes, from: position)
    }

    private static func finish(
        _ hash: UInt64,
        count: UInt64,
        rest bytes: UnsafeRawBufferPointer,
        from start: Int
    ) -> UInt64 {
        var (hash, position) = (hash &+ count, start)
        while position + 8 <= bytes.count {
            hash = rotate(hash ^ round(0, bytes.word(position)), 27) &* prime1 &+ prime4
            position += 8
        }
        if position + 4 <= bytes.count {
            hash = rotate(hash ^ (bytes.halfWord(position) &* prime1), 23) &* prime2 &+ prime3
            position += 4
        }
        while position < bytes.count {
            hash = rotate(hash ^ (UInt64(bytes[position]) &* prime5), 11) &* prime1
            position += 1
        }
        hash = (hash ^ (hash >> 33)) &* prime2
        hash = (hash ^ (hash >> 29)) &* prime3
        return hash ^ (hash >> 32)
    }

    @inline(__always)
    private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 { value << bits | value >> (64 &- bits) }

    @inline(__always)
    private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
        rotate(lane &+ word &* prime2, 31) &* prime1
    }

    @inline(__always)
    private static func merge(_ hash: UInt64, _ lane: UInt64) -> UInt64 {
        (hash ^ round(0, lane)) &* prime1 &+ prime4
    }
}

extension UnsafeRawBufferPointer {
    @inline(__always)
    fileprivate func word(_ offset: Int) -> UInt64 {
        UInt64(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    @inline(__always)
    fileprivate func halfWord(_ offset: Int) -> UInt64 {
        UInt64(UInt32(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    }
}
