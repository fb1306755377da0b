import Foundation
import Ledger
import Planning
import Report
import Testing

@testable import TidemarkCLI

@Suite struct `A forecast of the night` {
    private static func measures(rehearsal: TimedRun? = nil, precopy: TimedRun? = nil, keeps: Bool = true)
        -> NightMeasures
    {
        NightMeasures(
            rehearsal: rehearsal,
            precopy: precopy,
            aheadBytes: 10_000_000_000,
            wholeBytes: 100_000_000,
            foreignKeyBytes: 500_000_000,
            keepsForeignKeys: keeps
        )
    }

    private static func timed(bytes: Int, _ phases: KeyValuePairs<RunPhase, Double>) -> TimedRun {
        TimedRun(
            endedAt: "2026-11-28T02:10:00Z",
            seconds: phases.reduce(0) { $0 + $1.value },
            rows: 1,
            bytes: bytes,
            phases: phases.map { .init(phase: $0.key.rawValue, seconds: $0.value) }
        )
    }

    private static let rehearsal = timed(
        bytes: 1,
        [.preparation: 10, .deltaAndWholeTables: 100, .constraints: 50, .verifyRows: 60]
    )

    @Test func `is a rehearsal's time, without the foreign keys that stay`() throws {
        let kept = try #require(NightForecast(Self.measures(rehearsal: Self.rehearsal)))
        #expect(kept.least < 10 + 100 + 60 && kept.most > 10 + 100 + 60 && kept.most < 1.5 * (10 + 100 + 60))
        #expect(kept.largest?.phase == RunPhase.deltaAndWholeTables.rawValue)
        #expect(kept.basis.contains("rehearsal"))
        let again = try #require(NightForecast(Self.measures(rehearsal: Self.rehearsal, keeps: false)))
        #expect(again.least > kept.least + 35)
    }

    @Test func `is estimated from a precopy, which a rehearsal replaces`() throws {
        let precopy = Self.timed(bytes: 10_000_000_000, [.preparation: 5, .copyAndBuild: 100, .proveAhead: 60])
        let forecast = try #require(NightForecast(Self.measures(precopy: precopy)))
        #expect(forecast.basis.contains("--rehearse"))
        #expect(forecast.least > 5 && forecast.most < 160, "\(forecast)")
        #expect(
            NightForecast(Self.measures(rehearsal: Self.rehearsal, precopy: precopy))?.basis.contains("rehearsal that")
                == true
        )
        #expect(NightForecast(Self.measures()) == nil)
    }

    @Test func `is shorter at best if counters are the evidence`() throws {
        let rows = try #require(NightForecast(Self.measures(rehearsal: Self.rehearsal)))
        let counters = try #require(NightForecast(Self.measures(rehearsal: Self.rehearsal), evidence: .counters))
        #expect(counters.least < rows.least / 2 && counters.most <= rows.most)
    }

    @Test(arguments: [
        (600.0, TimeJudgement.Verdict.go), (170, .tight), (60, .noGo), (-1, .noGo),
    ])
    func `is compared with the deadline`(_ seconds: Double, _ verdict: TimeJudgement.Verdict) throws {
        let forecast = try #require(NightForecast(Self.measures(rehearsal: Self.rehearsal)))
        let now = Date(timeIntervalSince1970: 1_795_000_000)
        let judgement = TimeJudgement(left: forecast, at: now, deadline: now.addingTimeInterval(seconds))
        #expect(judgement.verdict == verdict && judgement.description.hasPrefix(verdict.rawValue), "\(judgement)")
    }

    @Test func `counts only what is left`() throws {
        let forecast = try #require(NightForecast(Self.measures(rehearsal: Self.rehearsal)))
        let left = forecast.without([RunPhase.preparation.rawValue, RunPhase.deltaAndWholeTables.rawValue])
        #expect(left.most < 90 && left.least > 40)
    }
}

@Suite struct `A deadline` {
    private static let now = Date(timeIntervalSince1970: 1_795_000_000)

    @Test(arguments: [("4h", 14_400.0), ("90m", 5_400), ("1h30m", 5_400), ("45s", 45), ("1h1m1s", 3_661)])
    func `is a duration from now`(_ text: String, _ seconds: Double) {
        #expect(Deadline(window: text, now: Self.now)?.date == Self.now.addingTimeInterval(seconds))
    }

    @Test(arguments: ["", "4", "h", "0m", "30m1h", "4 h", "-1h", "1h30", "9999999h", "1d", "４h"])
    func `is no other text, as a duration`(_ text: String) {
        #expect(Deadline(window: text, now: Self.now) == nil)
    }

    @Test func `is the next time that it is so late, or the time that has just passed`() throws {
        // Whatever the time zone: times of the day relative to now.
        for (hours, isNear) in [(1, true), (12, true), (17, true), (23, false)] {
            let wanted = Self.now.addingTimeInterval(Double(hours) * 3600)
            var seconds = time_t(wanted.timeIntervalSince1970)
            var parts = tm()
            localtime_r(&seconds, &parts)
            let text = "\(parts.tm_hour):\(parts.tm_min < 10 ? "0" : "")\(parts.tm_min):\(parts.tm_sec)"
            let deadline = Deadline(time: text, now: Self.now)?.date
            #expect(deadline == (isNear ? wanted : wanted.addingTimeInterval(-24 * 3600)), "\(text)")
        }
        #expect(Deadline(time: "1970-01-02T10:00", now: Self.now) != nil)
    }

    @Test(arguments: ["2026-11-29T02:30:00", "2027-01-01T23:59:59"]) func `is shown as it is read`(_ text: String) {
        #expect(Deadline(time: text, now: Self.now)?.text == text)
    }

    /// Otherwise the same command, given again, would have another four hours.
    @Test func `stays the same one when its command is run again`() throws {
        let deadline = try #require(Deadline(window: "4h", now: Self.now)).text
        for (arguments, again) in [
            (["--window", "4h", "--report", "night"], "--deadline \(deadline) --report night"),
            (["--jobs", "2", "--window=4h"], "--jobs 2 --deadline=\(deadline)"),
            (["--window", "soon"], "--window soon"), (["--window"], "--window"),
            (["--deadline", "02:30"], "--deadline 02:30"),
        ] {
            let command = ResumeCommand(["/usr/bin/tidemark", "cutover"] + arguments, begun: Self.now)
            #expect(command.text == "tidemark cutover \(again)")
        }
    }

    @Test(arguments: ["", "24:00", "12:60", "12", "12:00:60", "noon", "2026-13-01T12:00", "12:0x", "T", "1:2:3:4"])
    func `is no other text, as a time`(_ text: String) {
        #expect(Deadline(time: text, now: Self.now) == nil)
    }
}
