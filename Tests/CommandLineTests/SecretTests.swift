import Foundation
import Glibc
import Postgres
import TestSupport
import Testing

@Suite struct `A password in a malformed connection string` {
    /// The characters of a generated password: letters that occur in no message, and everything special to libpq.
    private static let letters = Array("QXZJVKW0789")
    private static let marks = Array("@@@:/?#%&=+,;'\"\\ []{}$!~")

    private static func password(_ random: inout SplitMix) -> String {
        var password = ""
        for _ in 0..<(2 + random.next(upTo: 3)) {
            for _ in 0..<(4 + random.next(upTo: 4)) { password.append(letters[random.next(upTo: letters.count)]) }
            for _ in 0..<random.next(upTo: 3) { password.append(marks[random.next(upTo: marks.count)]) }
        }
        return password
    }

    /// Connection strings with mistakes that people make.
    private static func strings(_ password: String) -> [String] {
        [
            "postgres://me:\(password)@127.0.0.1:1/shop", "postgresql://me:\(password)@127.0.0.1:1,127.0.0.1:2/shop",
            "postgres://me:\(password)@127.0.0.1:1/shop?connect_timeout=2", "postgres://me:\(password)@",
            "postgres://:\(password)@127.0.0.1:1",
            "postgres://127.0.0.1:1/shop?user=me&password=\(password)",
            "Postgres://me:\(password)@127.0.0.1:1/shop?a=b",
            "postgres:///postgres://me:\(password)@127.0.0.1:1/shop",
            "host=127.0.0.1 port=1 dbname=shop user=me password=\(password)",
            "host=127.0.0.1 port=1 dbname=shop user=me password='\(password)",
            "host=127.0.0.1 port=1 password=\(password)' dbname=shop", "password=\(password)",
            "host=127.0.0.1 port=1 user=me password='\(password)'x dbname=shop",
            "dbname=postgres://me:\(password)@127.0.0.1:1/shop", "dbname='host=127.0.0.1 port=1 password=\(password)'",
        ]
            // If the password contains an @, the text after it is an ordinary host.
            + (password.contains("@") ? [] : ["postgres://me:\(password)", "postgres://me:\(password)/shop"])
    }

    /// Returns every sequence of four letters in the password.
    private static func pieces(_ password: String) -> [String] {
        let characters = Array(password)
        return characters.indices.dropLast(3).map { String(characters[$0..<$0 + 4]) }
            .filter { $0.allSatisfy(letters.contains) }
    }

    @Test func `is not shown, not even in part`() throws {
        var random = SplitMix(seed: 20_261_127)
        for _ in 0..<400 {
            let password = Self.password(&random)
            let pieces = Self.pieces(password)
            for text in Self.strings(password) {
                for side in [Endpoint.Side.source, .target] {
                    let shown: String
                    do {
                        let endpoint = try Endpoint(text, side: side)
                        shown = endpoint.description
                    } catch { shown = "\(error)" }
                    for piece in pieces { #expect(!shown.contains(piece), "\(piece) of \(text) in: \(shown)") }
                }
            }
        }
    }

    @Test func `is in no output of the command, even if it was given as the wrong argument`() async throws {
        var random = SplitMix(seed: 7)
        let fixed = [
            "p@QXZJ", "QXZJ@VKWQ@ZZZZ", "QXZJ/VKWQ", "QXZJ?VKWQ", "QXZJ#VKWQ", "QX%ZJVKW", "QXZJ@VKWQ/ZJZJ",
            "QXZJ VKWQ",
        ]
        for password in fixed + (0..<4).map({ _ in Self.password(&random) }) {
            for (index, text) in Self.strings(password).enumerated() {
                // Each string with one of the commands, because a process takes a tenth of a second.
                let calls = [
                    ["verify", "--source", text, "--target", text],
                    ["inspect", "--source=\(text)", "--target=\(text)"],
                    ["precopy", text], ["status", "--target", text], ["verify", "--souce", text, "--target=\(text)"],
                    ["plan", "--source"] + text.split(separator: " ").map(String.init),
                ]
                let outcome = try await Command().run(calls[(index + password.count) % calls.count], killAfter: nil)
                #expect(outcome.code != 0)
                for piece in Self.pieces(password) {
                    #expect(
                        !(outcome.output + outcome.errors).contains(piece),
                        "\(piece) of \(text): \(outcome.errors)"
                    )
                }
            }
        }
    }

    @Test func `is accepted if it is well-formed, and so is a literal @`() throws {
        for (text, shown) in [
            ("postgres://me:a%40b%2Fc@shop.example:5433/main", "shop.example:5433/main"),
            ("postgres://me:a?b#c@shop.example/main", "shop.example/main"),
            ("postgres://me@shop.example/main", "shop.example/main"),
            ("postgres://shop.example/main?user=me@server", "shop.example/main"),
            ("postgres://me:pw@a:1,b:2/main", "a,b:1,2/main"),
            ("host=@abstract user=me password=a@b/c dbname=main", "@abstract/main"),
            ("postgres://me:pw@[::1]:5433/main", "::1:5433/main"),
        ] {
            #expect(try Endpoint(text, side: .source).description == shown)
        }
    }
}

@Suite struct `A secret of the connection` {
    /// In the server's log, with every statement logged, in reports, archives, the ledger and what hooks get.
    @Test func `is nowhere else, and no other user can read the files`() async throws {
        try await DatabasePair.with("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)") { pair in
            let secret = "QXZJVKWQ"
            for database in [pair.source, pair.target] {
                try await database.run("ALTER DATABASE \(pair.name) SET log_statement = 'all'")
            }
            let folder = FileManager.default.temporaryDirectory.appending(path: "tidemark-\(UUID())").path
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let (source, target) = (
                "\(pair.source.conninfo) password=\(secret)", "\(pair.target.conninfo) password=\(secret)"
            )
            let command = Command(
                environment: [
                    "TIDEMARK_SOURCE": source, "TIDEMARK_TARGET": target, "PGPASSWORD": secret, "TMPDIR": folder,
                ]
            )
            var texts = ""
            let hook = ["--on-event", "{ env; cat; } >>\(folder)/hooks", "--report", "\(folder)/report"]
            for arguments in [
                ["inspect", "--report", "\(folder)/inspection"], ["plan"], ["precopy"] + hook,
                ["cutover", "--log-format", "json"] + hook,
                ["verify"], ["rebuild"], ["status"], ["log"], ["dump", "--archive", "\(folder)/archive"],
                ["back", "--source", target, "--target", source],
            ] {
                let outcome = try await command.run(arguments, killAfter: nil)
                #expect(outcome.code == 0, "\(arguments): \(outcome.errors)\(outcome.output)")
                texts += outcome.output + outcome.errors
            }
            texts += try await Command.tool("pg_dump", ["--schema=tidemark", pair.target.conninfo]).output
            #expect(texts.contains("tidemark.event"))
            #expect(!texts.contains(secret))
            var logs: [String] = []
            for database in [pair.source, pair.target] {
                logs.append(try await database.value("SELECT current_setting('data_directory') || '/../server.log'"))
            }
            let found = try await Command.program("grep", ["-rl", secret, folder] + logs).output
            #expect(found == "", "\(found)")
            #expect(try await Command.program("grep", ["-c", "PATH=", "\(folder)/hooks"]).code == 0)
            #expect(
                try await Command.program("grep", ["-c", "statement: SELECT", logs[0]]).code == 0,
                "nothing was logged"
            )
            let open = try await Command.program("find", ["\(folder)/archive", "-perm", "/077"]).output
            #expect(open == "", "\(open)")
        }
    }

    /// Other processes of the same user can read a process's arguments and environment.
    @Test func `is passed to pg_dump only in a file`() async throws {
        try await DatabasePair.with("CREATE TABLE t (id int PRIMARY KEY)") { pair in
            let tools = FileManager.default.temporaryDirectory.appending(path: "tidemark-\(UUID())").path
            defer { try? FileManager.default.removeItem(atPath: tools) }
            try Command.makeTools(
                in: tools,
                running: ["pg_dump": "{ echo \"$@\"; env; } >>\(tools)/seen; cat \"$PGSERVICEFILE\" >>\(tools)/files"]
            )
            let secrets = "password=QXZJVKWQ sslpassword=VKWJQZXJ"
            let command = Command(
                environment: [
                    "TIDEMARK_SOURCE": "\(pair.source.conninfo) \(secrets)", "TIDEMARK_TARGET": pair.target.conninfo,
                ]
            )
            let outcome = try await command.run(["precopy", "--pg-bin", tools], killAfter: nil)
            #expect(outcome.code == 0, "\(outcome.errors)")
            let seen = try String(contentsOfFile: "\(tools)/seen", encoding: .utf8)
            #expect(seen.contains("--schema-only") && !seen.contains("QXZJVKWQ") && !seen.contains("VKWJQZXJ"))
            #expect(try String(contentsOfFile: "\(tools)/files", encoding: .utf8).contains("sslpassword=VKWJQZXJ"))
        }
    }
}
