import ServiceLifecycle

/// Empties the node before the process stops.
struct DrainService: Service {
    let node: Node

    func run() async throws {
        try? await gracefulShutdown()
        await node.drain.finish(node)
    }
}
