import NIOCore
import NIOPosix
import Synchronization

/// Ports of the loopback that nobody uses. They lie below the range from which the kernel takes the local ports of
/// outgoing connections, so that a server can be started again on its port however many clients there are.
enum FreePort {
    private static let range = 20_000..<32_000
    private static let given = Mutex<Set<Int>>([])

    struct NoneLeft: Error {}

    static func take() async throws -> Int {
        for _ in 0..<200 {
            let port = Int.random(in: range)
            guard given.withLock({ $0.insert(port).inserted }) else { continue }
            let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            guard let channel = try? await bootstrap.bind(host: "127.0.0.1", port: port).get() else { continue }
            try await channel.close()
            return port
        }
        throw NoneLeft()
    }
}
