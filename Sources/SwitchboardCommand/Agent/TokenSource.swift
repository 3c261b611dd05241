import NIOCore

/// Where the agent's token comes from.
enum TokenSource: Sendable {
    case text(String)
    case file(String)

    /// How often a file is looked at.
    private static let interval = Duration.seconds(1)

    func read() throws(Failure) -> String {
        switch self {
        case .text(let token): return token
        case .file(let path):
            let text = String(buffer: try Input.file(path))
            guard let line = text.split(whereSeparator: \.isWhitespace).first else { throw Failure("\(path) is empty") }
            return String(line)
        }
    }

    /// Calls back whenever a file has another token in it, until the task is cancelled.
    func watch(_ onChange: () async -> Void) async {
        guard case .file = self else { return }
        var known = try? read()
        while (try? await Task.sleep(for: Self.interval)) != nil {
            // While it is being replaced it may not be there.
            guard let token = try? read(), token != known else { continue }
            known = token
            await onChange()
        }
    }
}
