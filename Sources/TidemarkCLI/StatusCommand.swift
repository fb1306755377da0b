import ArgumentParser
import Report
import Tidemark

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows the progress of a run from the target's ledger; read-only.",
        discussion: HelpText.of(
            examples: "status --target URL",
            "status --watch",
            "status --serve 127.0.0.1:8080",
            "status --json"
        )
    )

    @OptionGroup var target: TargetOption
    @OptionGroup var output: OutputOptions

    @Flag(help: "Print it again every two seconds, until Ctrl-C")
    var watch = false

    @Option(
        help: ArgumentHelp(
            "Serve it as a page that keeps itself up to date, until Ctrl-C; read-only, without a password",
            valueName: "address:port"
        )
    )
    var serve: ServeAddress?

    private static let interval = Duration.seconds(2)

    func run() async throws {
        try await Terminal.run(quiet: output.quiet) { terminal in
            let ledger = try LedgerAdministration(target: target.endpoint())
            if let serve {
                try await Self.serve(ledger, at: serve, terminal)
                return .done
            }
            while true {
                guard let status = try await ledger.status() else {
                    terminal.complain("the target has no ledger: no run has started there")
                    return .failed
                }
                let text = output.json ? try status.json() : status.text
                // On a terminal, the screen is cleared first.
                if watch, !output.json, Output.standard.width != nil {
                    try Output.standard.writeRaw("\u{1b}[H\u{1b}[2J")
                }
                try terminal.print(text)
                guard watch, !terminal.stop.isRequested else { return .done }
                try terminal.print("")
                for _ in 0..<20 where !terminal.stop.isRequested { try await Task.sleep(for: Self.interval / 20) }
                if terminal.stop.isRequested { return .done }
            }
        }
    }

    private static func serve(_ ledger: LedgerAdministration, at address: ServeAddress, _ terminal: Terminal)
        async throws
    {
        if !address.isLocal {
            terminal.complain(
                "\(address.text(port: address.port)) can be reached from other machines, and asks for no password"
            )
        }
        let server = StatusServer(address: address, source: StatusSource { try await ledger.status() })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await server.run { page in terminal.say("Serving the status on \(page) until Ctrl-C") }
            }
            group.addTask {
                while !terminal.stop.isRequested { try await Task.sleep(for: .milliseconds(100)) }
            }
            _ = try await group.next()
            group.cancelAll()
        }
    }
}
