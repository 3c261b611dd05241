import ArgumentParser
import FoundationEssentials
import NIOCore
import SwitchboardAgent
import SwitchboardProtocol
import SwitchboardServer

/// `NAME=VALUE` of an agent's health.
struct HealthFieldArgument: ExpressibleByArgument {
    let field: HealthField

    /// What reports have already.
    private static let taken: Set = ["load", "cpu", "memory", "disk", "uptime"]
    /// Of all fields together, so that a report stays below its limit with what it says of the machine.
    private static let maximumBytes = ClientFrame.maximumHealthBytes - 1024

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="), equals > argument.startIndex else { return nil }
        let name = String(argument[..<equals])
        guard name.utf8.count <= 64, !name.contains(where: { $0 == "." || $0.isWhitespace }) else { return nil }
        field = HealthField(name, String(argument[argument.index(after: equals)...]))
    }

    static func check(_ fields: [HealthFieldArgument]) throws {
        var names = taken
        for field in fields.map(\.field) where !names.insert(field.name).inserted {
            throw ValidationError("--health-field \(field.name): the report has that already.")
        }
        let bytes = fields.reduce(0) { $0 + $1.field.name.utf8.count + $1.field.value.readableBytes + 4 }
        guard bytes <= maximumBytes else {
            throw ValidationError("--health-field: all of them may have \(maximumBytes) bytes together.")
        }
    }

    /// What a report says beside what was measured.
    ///
    /// - Parameter ofThisMachine: With what `--monitor` adds, unless it is among those that were given.
    static func fields(_ given: [HealthFieldArgument], ofThisMachine: Bool) -> [HealthField] {
        let given = given.map(\.field)
        guard ofThisMachine else { return given }
        let own = [
            HealthField("version", text: SwitchboardVersion.current),
            HealthField("host", text: ProcessInfo.processInfo.hostName),
        ]
        return own.filter { field in !given.contains { $0.name == field.name } } + given
    }
}
