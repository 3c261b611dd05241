import AsyncHTTPClient
import NIOPosix
import SwitchboardCore

/// Whether what a node is to know keys by can be used.
struct AuthChecks {
    private static let keys = "auth.keys"
    private static let signers = "auth.signers"

    let configuration: AuthConfiguration

    func findings() async -> [Finding] {
        var findings: [Finding] = []
        if let path = configuration.keyFile { findings.append(keys(path)) }
        if let source = configuration.tokenKeys.flatMap({ KeySetSource($0) }) { findings.append(await signers(source)) }
        return findings
    }

    private func keys(_ path: String) -> Finding {
        do throws(ServerConfiguration.Problem) {
            let entries = try KeyFile(path: path).keys.entries
            let now = Double(WallClock.milliseconds()) / 1000
            let good = entries.count { $0.expiresAt.map { now < $0 } ?? true }
            guard good > 0 else {
                return .problem(
                    Self.keys, "\(path) has no key that is good", advice: "make one: switchboard key create")
            }
            return .ok(Self.keys, "\(path) has \(good) keys that are good, of \(entries.count)")
        } catch {
            return .problem(Self.keys, "\(error)", advice: "correct the file: such a node does not start")
        }
    }

    private func signers(_ source: KeySetSource) async -> Finding {
        let http = KeySetSource.client(on: MultiThreadedEventLoopGroup.singleton)
        let finding = await signers(source, load: source.loader(http))
        try? await http.shutdown()
        return finding
    }

    private func signers(_ source: KeySetSource, load: KeySetLoader) async -> Finding {
        do throws(TokenKey.Fault) {
            let (keys, remarks) = try await TokenKeySet.reading(try await load(), allowsSecrets: source.allowsSecrets)
            guard let remark = remarks.first else { return .ok(Self.signers, "\(keys.count) keys for tokens") }
            return .problem(
                Self.signers, "of the keys for tokens \(remarks.count) cannot be used: \(remark)",
                advice: "correct the set")
        } catch {
            return .problem(
                Self.signers, "the keys for tokens cannot be had: \(error)", advice: "see that tokenKeys is right")
        }
    }
}
