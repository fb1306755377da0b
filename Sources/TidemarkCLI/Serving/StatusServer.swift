import FoundationEssentials
import Glibc
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import Report
import ServiceLifecycle
import Tidemark

/// Serves the status of a run as a page that keeps itself up to date; it answers GET and changes nothing.
struct StatusServer: Sendable {
    /// The parts of the page by their paths.
    private static let files: [String: (bytes: [UInt8], type: String)] = [
        "/": (PackageResources.status_html, "text/html; charset=utf-8"),
        "/status.css": (PackageResources.status_css, "text/css; charset=utf-8"),
        "/status.js": (PackageResources.status_js, "text/javascript; charset=utf-8"),
    ]

    let address: ServeAddress
    let source: StatusSource

    /// Serves until the task is cancelled.
    ///
    /// - Parameter begun: Called with the page's address once it can be reached.
    /// - Throws: ``UsageError`` if the address cannot be used.
    func run(_ begun: @escaping @Sendable (String) -> Void) async throws {
        let server = try HTTPServerBuilder.http1().buildServer(
            configuration: ServerConfiguration(address: .hostname(address.host, port: address.port)),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "tidemark.serve") { _ in SwiftLogNoOpLogHandler() }
        ) { request, writer, _ in
            let response = await response(to: request)
            try await writer.write(response: response.head, body: response.body)
        } onServerRunning: { [address] channel in
            begun("http://\(address.text(port: channel.localAddress?.port ?? address.port))/")
        }
        do {
            try await server.run()
        } catch let error where !(error is CancellationError) {
            let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            throw UsageError(
                description:
                    "cannot serve on \(address.text(port: address.port)): \(reason); give a free address of this machine, such as --serve 127.0.0.1:8080"
            )
        }
    }

    private func response(to request: Request) async -> Response {
        guard isForUs(request) else { return Response(status: .misdirectedRequest) }
        guard request.method == .get || request.method == .head else {
            return Response(status: .methodNotAllowed, headers: [.allow: "GET, HEAD"])
        }
        guard let (bytes, type) = await content(at: request.uri.path) else { return Response(status: .notFound) }
        let headers: HTTPFields = [
            .contentType: type, .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
            .contentSecurityPolicy: "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ]
        let response = Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func content(at path: String) async -> (bytes: [UInt8], type: String)? {
        switch path {
        case "/status.json":
            return (try? JSONEncoder().encode(await source.answer())).map { (Array($0), "application/json") }
        case "/status.txt":
            let answer = await source.answer()
            let text = answer.status?.text ?? answer.error ?? "no run has started on this target"
            return (Array("\(text)\n".utf8), "text/plain; charset=utf-8")
        default: return Self.files[path]
        }
    }

    /// Whether a request comes under a name of this machine, if only it is served.
    ///
    /// A page elsewhere could have its own name point to this machine, and read the status in the operator's browser (DNS
    /// rebinding).
    private func isForUs(_ request: Request) -> Bool {
        guard address.isLocal else { return true }
        let authority = request.head.authority ?? ""
        // Without a port, it is the one that browsers take by themselves.
        return (ServeAddress(argument: authority) ?? ServeAddress(argument: "\(authority):80"))?.isLocal ?? false
    }
}
