import ArgumentParser
import Logging
import SwitchboardServer

/// `switchboard serve`: one node.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a node: HTTP and WebSocket on one port.",
        discussion: """
            Without --redis it is a complete single node. A limit or rate of 0 means none; sizes take KB, MB and GB, times \
            ms, s, m, h and d, and are seconds without.

            Each setting has three spellings: the flag --outbound-limit, the environment variable \
            SWITCHBOARD_OUTBOUND_LIMIT and the key outboundLimit in the file that --config names. Flags win over the \
            environment, and both over the file.
            """)

    @Flag(help: "Print the settings in force and where each comes from, without secrets, and stop.")
    var printConfig = false
    @OptionGroup var settings: SettingOptions

    func run() async throws {
        let loaded = try settings.load()
        if printConfig {
            for line in loaded.lines { try Output.line(line) }
            return
        }
        let configuration = loaded.configuration
        LoggingSystem.bootstrap { loaded.logFormat.handler(label: $0) }
        var logger = Logger(label: "switchboard")
        logger.logLevel = loaded.logLevel
        logger[metadataKey: "node"] = "\(configuration.node)"
        for warning in loaded.warnings { logger.warning("\(warning)") }
        let scheme = configuration.tls.files == nil ? "http" : "https"
        do {
            let server = try SwitchboardServer(configuration: configuration, logger: logger)
            try await server.run { port in
                try? Output.line("switchboard listens on \(scheme)://\(configuration.host):\(port)")
            }
        } catch let problem as ServerConfiguration.Problem {
            Output.note("switchboard: \(problem)")
            throw ExitCode.validationFailure
        }
    }
}
