import FoundationEssentials
import Glibc
import Postgres
import Report
import Synchronization

/// A few lines at the bottom of a terminal that show what a run does now; the log goes on above them.
///
/// They are drawn anew twice a second, so that nobody has to wonder whether the run still lives.
final class LiveView: Sendable {
    private struct State {
        var command = ""
        var sides = ""
        var begun = ContinuousClock.now
        var phase: (phase: RunPhase, begun: ContinuousClock.Instant)?
        var progress: RunProgress?
        var working: [String] = []
        /// What the run waits for, and when it last said so.
        var waiting: (text: String, at: ContinuousClock.Instant)?
        var isFenced = false
        var isStopping = false
        var isOver = false
        /// The widths of the lines that are on the screen.
        var drawn: [Int] = []
    }

    private static let interval = Duration.milliseconds(500)
    /// A wait that was not reported again for this long is over.
    private static let patience = Duration.seconds(4)

    private let state = Mutex(State())
    private let hasColour: Bool

    /// - Parameter environment: The environment: `NO_COLOR` (no-color.org) and `TERM` are respected.
    init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        hasColour = (environment["NO_COLOR"] ?? "").isEmpty
    }

    /// Whether standard error is a terminal that can move its cursor.
    static var isPossible: Bool {
        let terminal = ProcessInfo.processInfo.environment["TERM"] ?? ""
        return isatty(STDERR_FILENO) == 1 && !["", "dumb"].contains(terminal)
    }

    /// Draws until the task is cancelled, then clears the lines.
    func run() async {
        while (try? await Task.sleep(for: Self.interval)) != nil { draw() }
        state.withLock { state in
            state.isOver = true
            erase(&state)
        }
    }

    /// Prints a line of the log above.
    func log(_ line: String) {
        state.withLock { state in
            erase(&state)
            try? Output.errors.write(line + "\n")
            if !state.isOver { draw(&state) }
        }
    }

    /// Takes in an event.
    func note(_ event: RunEvent) {
        state.withLock { state in
            switch event {
            case .began(let report):
                state.command = report.command
                state.sides = "\(report.source) → \(report.target)"
            case .phaseBegan(let phase):
                state.phase = (phase, .now)
                state.progress = nil
                state.working = []
                state.waiting = nil
            case .progress(let progress): state.progress = progress
            case .working(let lines): state.working = lines
            case .note(let text) where Self.isWait(text): state.waiting = (text, .now)
            case .fenced: state.isFenced = true
            case .ended:
                state.isOver = true
                erase(&state)
            default: break
            }
        }
    }

    /// Whether a note only says what the run waits for: the view shows that, and the log need not repeat it.
    static func isWait(_ text: String) -> Bool { text.utf8.starts(with: "waiting ".utf8) }

    /// Shows that a stop was requested.
    func noteStop() { state.withLock { $0.isStopping = true } }

    // MARK: Drawing

    private func draw() {
        state.withLock { state in
            guard !state.isOver else { return }
            draw(&state)
        }
    }

    private func draw(_ state: inout State) {
        let (width, height) = Self.size
        // A screen too small for the view shows the log alone.
        guard height >= 10, width >= 40 else { return erase(&state) }
        let lines = lines(state, width: width - 1)
        erase(&state)
        guard !lines.isEmpty else { return }
        state.drawn = lines.map(\.count)
        let text = lines.enumerated().map { $0 == 0 ? bold($1) : $1 }.joined(separator: "\n")
        try? Output.errors.writeRaw(text + "\n")
    }

    /// Moves back over what was drawn, and clears it.
    private func erase(_ state: inout State) {
        guard !state.drawn.isEmpty else { return }
        // A terminal that has become narrower has wrapped the lines.
        let width = max(1, Self.size.width)
        let rows = state.drawn.reduce(0) { $0 + max(1, ($1 + width - 1) / width) }
        try? Output.errors.writeRaw("\u{1b}[\(rows)A\r\u{1b}[J")
        state.drawn = []
    }

    private func bold(_ text: String) -> String { hasColour ? "\u{1b}[1m\(text)\u{1b}[0m" : text }

    private static var size: (width: Int, height: Int) { size(of: STDERR_FILENO) }

    /// The size of a terminal.
    ///
    /// - Parameter descriptor: A descriptor of it.
    /// - Returns: Its columns and rows; those of a small one if it has no size.
    static func size(of descriptor: Int32) -> (width: Int, height: Int) {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    private func lines(_ state: State, width: Int) -> [String] {
        guard let (phase, begun) = state.phase else { return [] }
        func since(_ start: ContinuousClock.Instant) -> String {
            Quantity.clock(Double(start.duration(to: .now).components.seconds))
        }
        var lines = ["\(phase.rawValue), \(since(begun)); \(state.command) \(since(state.begun))"]
        if let progress = state.progress {
            lines.append("\(Self.bar(progress.share, width < 100 ? 10 : 30)) \(progress.line)")
            if !progress.tables.isEmpty { lines.append("at work  \(progress.tables.joined(separator: ", "))") }
        }
        lines += state.working.prefix(4)
        if let (text, at) = state.waiting, at.duration(to: .now) < Self.patience {
            lines += LineWrap.lines(Escaping.terminal(text), width).prefix(4)
        }
        let next = phase.next(in: state.command).map(\.rawValue)
        if !next.isEmpty { lines.append("next     \(next.joined(separator: ", "))") }
        lines.append(
            state.isStopping
                ? "stopping after this step; Ctrl-C again cancels it; turning back is possible"
                : state.command == "back"
                    ? "Ctrl-C stops safely; nothing is changed before the end"
                    : state.isFenced
                        ? "Ctrl-C stops safely; turning back is possible (then tidemark unfence)"
                        : "Ctrl-C stops safely; turning back is possible"
        )
        return lines.map { Self.cut(Escaping.terminal($0), to: width) }
    }

    private static func bar(_ share: Double, _ all: Int) -> String {
        let full = Int(share * Double(all))
        return "[" + String(repeating: "#", count: full) + String(repeating: "-", count: all - full) + "]"
    }

    /// A line that fits: what is left out is shown by three dots.
    private static func cut(_ line: String, to width: Int) -> String {
        line.count <= width ? line : line.prefix(width - 1) + "…"
    }
}
