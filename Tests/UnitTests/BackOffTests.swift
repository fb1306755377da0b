import Testing

@testable import Tidemark

/// How far replicas are behind, by the positions of their server.
@Suite struct `The lag of replicas` {
    private let start = ContinuousClock.now

    private func after(_ seconds: Int) -> ContinuousClock.Instant { start.advanced(by: .seconds(seconds)) }

    @Test func `grows while one stands still, whatever the server does`() {
        var lag = ReplicationLag()
        #expect(lag.note(100, [("a", 100)], at: after(0)) == nil)
        #expect(lag.note(200, [("a", 100)], at: after(1)) == nil)
        #expect(lag.note(300, [("a", 100)], at: after(2)) == .init(name: "a", lag: .seconds(1)))
        #expect(lag.note(300, [("a", 150)], at: after(9)) == .init(name: "a", lag: .seconds(8)))
        #expect(lag.note(400, [("a", 250)], at: after(10)) == .init(name: "a", lag: .seconds(8)))
        #expect(lag.note(400, [("a", 400)], at: after(11)) == nil)
        #expect(lag.note(400, [("a", 400)], at: after(99)) == nil)
    }

    @Test func `is that of the one that is furthest behind`() {
        var lag = ReplicationLag()
        _ = lag.note(100, [("a", 100), ("b", 90)], at: after(0))
        #expect(lag.note(200, [("a", 200), ("b", 90)], at: after(5)) == .init(name: "b", lag: .seconds(5)))
        #expect(lag.note(200, [("a", 200)], at: after(6)) == nil)
        #expect(lag.note(300, [], at: after(7)) == nil)
    }
}
