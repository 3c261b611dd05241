import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOPosix
import SwitchboardProtocol
import SwitchboardTLS

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Why a command failed, in one line for a person.
struct Failure: Error, CustomStringConvertible {
    let description: String
    /// Of the answer, when there was one.
    private(set) var status: Int?

    init(_ description: String, status: Int? = nil) {
        self.description = description
        self.status = status
    }

    /// A problem document, or whatever else came with a status that is no success.
    init(_ status: HTTPResponseStatus, _ body: ByteBuffer) {
        self.status = Int(status.code)
        guard let problem = try? JSONDocument(body) else {
            description = "the server answered \(status.code) \(status.reasonPhrase)"
            return
        }
        let detail = problem["detail"].flatMap(problem.string) ?? problem["title"].flatMap(problem.string)
        let code = problem["code"].flatMap(problem.string)
        let text = [code, detail ?? status.reasonPhrase].compactMap { $0 }.joined(separator: ": ")
        description = "\(text) (\(status.code))"
    }

    init(connecting url: String, _ error: any Error) {
        switch error {
        case let error as HTTPClientError where error == .connectTimeout:
            description = "cannot connect to \(url): no answer"
        case let error as HTTPClientError where error == .deadlineExceeded || error == .readTimeout:
            description = "\(url) did not answer in time"
        case let error as NIOConnectionError:
            let cause = error.connectionErrors.first.map { Self.words($0.error) } ?? "the name cannot be resolved"
            description = "cannot connect to \(url): \(cause)"
        default:
            let fault = HandshakeFault(error, server: URLComponents(string: url)?.host ?? url).map {
                "TLS failed: \($0)"
            }
            description = "cannot connect to \(url): \(fault ?? Self.words(error))"
        }
    }

    private static func words(_ error: any Error) -> String {
        (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
    }
}
