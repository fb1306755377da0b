import Testing

@testable import TidemarkCLI

@Suite struct `The address of a page` {
    @Test(arguments: [
        ("127.0.0.1:8080", "127.0.0.1", 8080, true), ("8080", "127.0.0.1", 8080, true), (":80", "127.0.0.1", 80, true),
        ("[::1]:0", "::1", 0, true), ("localhost:1", "localhost", 1, true), ("0.0.0.0:65535", "0.0.0.0", 65_535, false),
        ("night.example:8080", "night.example", 8080, false),
    ])
    func `has a host and a port`(_ text: String, _ host: String, _ port: Int, _ isLocal: Bool) throws {
        let address = try #require(ServeAddress(argument: text))
        #expect(address == ServeAddress(host: host, port: port) && address.isLocal == isLocal)
    }

    @Test(arguments: ["", ":", "host", "host:", "host:65536", "host:-1", "::1:80", "a:b:80", "host:8 0", "[]:80"])
    func `is refused if it is none`(_ text: String) {
        #expect(ServeAddress(argument: text) == nil)
    }
}
