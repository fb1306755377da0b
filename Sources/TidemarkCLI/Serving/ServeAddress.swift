import ArgumentParser

/// Where the page is served: `127.0.0.1:8080`, `[::1]:8080`, `localhost:0`; a port alone means this machine.
struct ServeAddress: ExpressibleByArgument, Equatable {
    let host: String
    /// 0: any free one.
    let port: Int

    init(host: String, port: Int) {
        (self.host, self.port) = (host, port)
    }

    init?(argument: String) {
        let (colon, open, close) = (UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"))
        let bytes = Array(argument.utf8)
        let place = bytes.lastIndex(of: colon)
        let ofPort = bytes[(place.map { $0 + 1 } ?? 0)...]
        var ofHost = bytes[..<(place ?? 0)]
        if ofHost.first == open, ofHost.last == close, ofHost.count > 2 {
            ofHost = ofHost.dropFirst().dropLast()
        } else if ofHost.contains(where: { [colon, open, close].contains($0) }) {
            return nil
        }
        guard (1...5).contains(ofPort.count), let port = Int(String(decoding: ofPort, as: UTF8.self)),
            (0...65_535).contains(port)
        else { return nil }
        self.init(host: ofHost.isEmpty ? "127.0.0.1" : String(decoding: ofHost, as: UTF8.self), port: port)
    }

    /// Whether only this machine reaches it.
    var isLocal: Bool { host == "localhost" || host == "::1" || host.utf8.starts(with: "127.".utf8) }

    /// As it stands in a URL, with the port that was taken.
    func text(port: Int) -> String { host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
