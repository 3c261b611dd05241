import ArgumentParser
import FoundationEssentials
import NIOCore

/// Where the cluster's HTTP API is, who asks it, and how its answers are shown.
struct APIOptions: ParsableArguments {
    @Option(help: "The cluster's HTTP address. Default: SWITCHBOARD_URL, or http://127.0.0.1:8080.")
    var url: String?

    @Option(
        help: "For https://: trust the certificates of this PEM file instead of the system's. Default: SWITCHBOARD_CA.",
        completion: .file())
    var ca: String?
    @OptionGroup var credentials: KeyOptions

    @Option(help: "A file with the API key or token in its first line.", completion: .file())
    var keyFile: String?

    @Flag(help: "Print the API's JSON as it came.")
    var json = false

    func validate() throws {
        guard credentials.key == nil || keyFile == nil else {
            throw ValidationError("Give --key or --key-file, not both.")
        }
    }

    var client: APIClient {
        get throws {
            let environment = ProcessInfo.processInfo.environment
            let (url, ca) = (url ?? environment["SWITCHBOARD_URL"], ca ?? environment["SWITCHBOARD_CA"])
            guard let keyFile else { return try APIClient(url: url, key: try credentials.apiKey, ca: ca) }
            let text = String(buffer: try Input.file(keyFile))
            return try APIClient(url: url, key: try APIKeyText(text.prefix { !$0.isNewline }, from: keyFile), ca: ca)
        }
    }
}

/// Who asks the HTTP API.
struct KeyOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The API key or token. Other users of the machine see it here: SWITCHBOARD_KEY or a file keeps it to yourself.",
            valueName: "key"))
    var key: String?

    /// nil when none is given.
    var apiKey: APIKeyText? {
        get throws(Failure) {
            if let key { return try APIKeyText(key, from: "--key") }
            let variable = "SWITCHBOARD_KEY"
            guard let key = ProcessInfo.processInfo.environment[variable], !key.isEmpty else { return nil }
            return try APIKeyText(key, from: variable)
        }
    }
}

/// An API key or a token, as it goes into a header. It is never printed.
struct APIKeyText {
    /// The value of `Authorization` (RFC 6750 section 2.1).
    let authorization: String

    /// - Parameter source: Where it comes from, for a person.
    /// - Throws: ``Failure`` when it cannot be one.
    init(_ text: some StringProtocol, from source: String) throws(Failure) {
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count == 1, words[0].utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Failure("\(source) holds no API key")
        }
        authorization = "Bearer \(words[0])"
    }
}
