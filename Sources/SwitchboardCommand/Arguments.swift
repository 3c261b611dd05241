public import ArgumentParser
public import SwitchboardAgent
public import SwitchboardProtocol

extension ClientID: ExpressibleByArgument {}
extension GroupName: ExpressibleByArgument {}
extension NodeID: ExpressibleByArgument {}
extension SigningKeyID: ExpressibleByArgument {}

extension CertificatePin: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

/// A label as it is written on the command line: `NAME=VALUE`.
struct LabelArgument: ExpressibleByArgument {
    let name: String
    let value: String

    init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty else { return nil }
        name = String(parts[0])
        value = String(parts[1])
    }
}

extension [LabelArgument] {
    /// By name; of a name that is given twice the last one counts.
    var dictionary: [String: String] {
        Dictionary(map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
    }
}
