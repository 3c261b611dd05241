import Logging

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
        event.message = "\(Self.cleaned(event.message.description))"
        if let metadata = event.metadata { event.metadata = metadata.mapValues(Self.cleaned) }
        if let error = event.error {
            event.error = nil
            event.metadata = (event.metadata ?? [:]).merging(["error": .string(Self.cleaned("\(error)"))]) { $1 }
        }
        base.log(event: event)
    }

    private static func cleaned(_ value: Logger.Metadata.Value) -> Logger.Metadata.Value {
        switch value {
        case .string(let text): .string(cleaned(text))
        case .stringConvertible(let text): .string(cleaned(text.description))
        case .array(let list): .array(list.map(cleaned))
        case .dictionary(let members): .dictionary(members.mapValues(cleaned))
        }
    }

    private static func cleaned(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        return text.unicodeScalars.reduce(into: "") { clean, scalar in
            switch scalar {
            case "\n": clean += "\\n"
            case "\r": clean += "\\r"
            case "\t": clean += "\\t"
            case _ where isControl(scalar): clean += "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
            default: clean.unicodeScalars.append(scalar)
            }
        }
    }

    /// C0 and C1 controls, which terminals obey, what Unicode calls ends of lines and paragraphs, and what turns the direction
    /// of the text around it.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
