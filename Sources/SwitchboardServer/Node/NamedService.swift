import ServiceLifecycle

/// A service that is described by its name alone: the lifecycle logs its services, and would log all that they hold, down to the
/// password in a URL.
struct NamedService: Service, CustomStringConvertible {
    private let service: any Service

    init(_ service: any Service) { self.service = service }

    var description: String { "\(type(of: service))" }

    func run() async throws { try await service.run() }
}
