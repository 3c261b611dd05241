public import NIOCore
import SwitchboardProtocol

/// One thing that an agent says of its health beside what it says of the machine: a name and a value in JSON.
public struct HealthField: Hashable, Sendable {
    public let name: String
    /// Checked JSON.
    public let value: ByteBuffer

    /// A text.
    public init(_ name: String, text: String) {
        var value = ByteBuffer()
        value.writeJSONString(text)
        self.init(name: name, value: value)
    }

    /// A value as a person writes it: JSON if it parses as JSON, else a text.
    public init(_ name: String, _ text: String) {
        let json = ByteBuffer(string: text)
        if (try? JSONDocument.validate(json)) != nil {
            self.init(name: name, value: json)
        } else {
            self.init(name, text: text)
        }
    }

    private init(name: String, value: ByteBuffer) {
        self.name = name
        self.value = value
    }
}
