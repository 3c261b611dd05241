import Logging
import SwitchboardProtocol

/// Keeps every event on one line, whatever clients and backends put into names, reasons and user agents: control characters
/// are written as escapes before `base` sees them, so nobody can forge a line or speak to the terminal of who reads it.
struct OneLineLogHandler<Base: LogHandler>: LogHandler {
    private var base: Base

    init(_ base: Base) { self.base = base }

    var logLevel: Logger.Level {
        get { base.logLevel }
        set { base.logLevel = newValue }
    }
    var metadata: Logger.Metadata {
        get { base.metadata }
        set { base.metadata = newValue.mapValues(Self.cleaned) }
    }
    var metadataProvider: Logger.MetadataProvider? {
        get { base.metadataProvider }
        set { base.metadataProvider = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { base[metadataKey: key] }
        set { base[metadataKey: key] = newValue.map(Self.cleaned) }
    }

    func log(event: LogEvent) {
        var event = event
        event.message = "\(event.message.description.withoutControls)"
        if let metadata = event.metadata { event.metadata = metadata.mapValues(Self.cleaned) }
        if let error = event.error {
            event.error = nil
            event.metadata = (event.metadata ?? [:]).merging(["error": .string("\(error)".withoutControls)]) { $1 }
        }
        base.log(event: event)
    }

    private static func cleaned(_ value: Logger.Metadata.Value) -> Logger.Metadata.Value {
        switch value {
        case .string(let text): .string(text.withoutControls)
        case .stringConvertible(let text): .string(text.description.withoutControls)
        case .array(let list): .array(list.map(cleaned))
        case .dictionary(let members): .dictionary(members.mapValues(cleaned))
        }
    }
}
