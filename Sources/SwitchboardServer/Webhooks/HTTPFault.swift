import AsyncHTTPClient
import NIOCore
import NIOPosix

/// Why a request of ours has no answer.
enum HTTPFault {
    /// Short, and without the URL, which may hold a password.
    static func words(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError where error == .connectTimeout || error == .deadlineExceeded:
            "no answer in time"
        case let error as HTTPClientError: error.shortDescription
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { "no connection: \($0.error)" } ?? "the name cannot be resolved"
        default: "\(error)"
        }
    }
}
