import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// Gives the first answer to every repetition of a request.
struct Idempotency: Sendable {
    /// Seconds for which an answer is remembered.
    static let lifetime = 300
    /// Milliseconds between two looks for the answer to a request that is still under way.
    private static let pause: Int64 = 50

    let store: any Store
    let loop: any EventLoop

    /// What a request that says who it is finds.
    enum Finding: Sendable {
        /// It is the first; its answer has to be given to ``settle(_:_:as:)``, or the key to ``release(_:)``.
        case first
        case answered(status: Int, body: ByteBuffer)
        /// The first is still under way.
        case pending
        /// The first was another request.
        case other
    }

    /// - Parameters:
    ///   - fingerprint: Tells one request from another.
    ///   - patience: Seconds for which the answer of a request under way is awaited; the marker lives a little longer.
    func claim(
        _ key: String, fingerprint: UInt64, patience: Double,
        completion: @escaping @Sendable (Result<Finding, BusError>) -> Void
    ) {
        let marker = Entry(fingerprint: fingerprint, status: 0, body: ByteBuffer()).bytes
        store.claim(.idempotency(key), marker, seconds: Int(patience) + 5) { result in
            switch result {
            case .success(nil): completion(.success(.first))
            case .success(let bytes?):
                let finding = Entry(bytes).finding(fingerprint)
                guard case .pending = finding else { return completion(.success(finding)) }
                lookAgain(key, fingerprint, until: .now() + .milliseconds(Int64(patience * 1000)), completion)
            case .failure(let error): completion(.failure(error))
            }
        }
    }

    private func lookAgain(
        _ key: String, _ fingerprint: UInt64, until deadline: NIODeadline,
        _ completion: @escaping @Sendable (Result<Finding, BusError>) -> Void
    ) {
        loop.scheduleTask(in: .milliseconds(Self.pause)) {
            store.read(.idempotency(key)) { result in
                switch result {
                case .success(let bytes?):
                    let finding = Entry(bytes).finding(fingerprint)
                    if case .pending = finding, .now() < deadline {
                        return lookAgain(key, fingerprint, until: deadline, completion)
                    }
                    completion(.success(finding))
                // The first has failed, and says so by giving the key back.
                case .success(nil): completion(.success(.pending))
                case .failure(let error): completion(.failure(error))
                }
            }
        }
    }

    /// Keeps the answer for those who ask again.
    ///
    /// - Parameter completion: Called when that is done, as far as it can be.
    func settle(
        _ key: String, _ answer: (status: Int, body: ByteBuffer), fingerprint: UInt64,
        completion: @escaping @Sendable () -> Void
    ) {
        let entry = Entry(fingerprint: fingerprint, status: answer.status, body: answer.body)
        store.write(.idempotency(key), entry.bytes, seconds: Self.lifetime) { _ in completion() }
    }

    /// The request came to nothing: a repetition is tried afresh.
    func release(_ key: String) { store.remove(.idempotency(key)) }

    /// What is kept: which request it was, and its answer; status 0 while there is none.
    private struct Entry {
        let fingerprint: UInt64
        let status: Int
        let body: ByteBuffer

        init(fingerprint: UInt64, status: Int, body: ByteBuffer) {
            self.fingerprint = fingerprint
            self.status = status
            self.body = body
        }

        init(_ bytes: ByteBuffer) {
            var bytes = bytes
            fingerprint = bytes.readInteger() ?? 0
            status = Int(bytes.readInteger(as: UInt16.self) ?? 0)
            body = bytes
        }

        var bytes: ByteBuffer {
            var buffer = ByteBuffer()
            buffer.writeInteger(fingerprint)
            buffer.writeInteger(UInt16(clamping: status))
            buffer.writeImmutableBuffer(body)
            return buffer
        }

        func finding(_ fingerprint: UInt64) -> Finding {
            guard fingerprint == self.fingerprint else { return .other }
            return status == 0 ? .pending : .answered(status: status, body: body)
        }
    }
}
