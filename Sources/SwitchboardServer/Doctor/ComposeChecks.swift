/// Whether a compose file gives its nodes what their settings ask for.
struct ComposeChecks {
    /// What compose waits when the file says nothing.
    private static let standardGrace = 10.0

    let path: String
    /// The file with settings, for a service that names one.
    let settingsFile: String?

    var findings: [Finding] {
        let file: ComposeFile
        do { file = try ComposeFile(path: path) } catch {
            let reason = "\(error)".split(whereSeparator: \.isNewline).first ?? ""
            return [
                .problem("compose", "\(path) cannot be read: \(reason)", advice: "name a compose file with --compose")
            ]
        }
        guard !file.services.isEmpty else {
            return [.unknown("compose", "no service in \(path) has a command that begins with 'serve'")]
        }
        return file.services.flatMap(findings)
    }

    private func findings(_ service: ComposeFile.Service) -> [Finding] {
        // Files that are named there are those of the container.
        let (environment, namesSecrets) = SecretFiles.withoutNames(service.environment)
        do throws(ServerConfiguration.Problem) {
            let arguments = try FlagReader(service.arguments)
            var environment = environment
            let namesFile = environment.removeValue(forKey: "SWITCHBOARD_CONFIG") != nil || arguments.namesFile
            let loaded = try LoadedSettings(
                flags: arguments.given, environment: environment, file: namesFile ? settingsFile : nil)
            return [grace(service, loaded.configuration), openFiles(service, loaded.configuration)]
        } catch {
            if namesSecrets {
                let found = "service \(service.name): \(error); or what is missing is in a file of the container"
                return [.unknown("compose.settings", found)]
            }
            return [
                .problem(
                    "compose.settings", "service \(service.name): \(error)",
                    advice: "correct it: such a node does not start")
            ]
        }
    }

    private func grace(_ service: ComposeFile.Service, _ configuration: ServerConfiguration) -> Finding {
        let check = "compose.stopGrace"
        guard let needed = configuration.longestStop else {
            return .unknown(
                check, "service \(service.name): no drainLimit, so a node may take longer than any stop_grace_period",
                advice: "set drainLimit")
        }
        let text = service.stopGrace ?? DurationText.show(Self.standardGrace)
        guard let grace = ComposeDuration.parse(text) else {
            return .unknown(check, "service \(service.name): stop_grace_period '\(text)' is not understood")
        }
        let given = service.stopGrace == nil ? "no stop_grace_period, which means \(text)" : "stop_grace_period \(text)"
        let found = "service \(service.name): \(given), for drainLimit \(DurationText.show(configuration.drainLimit))"
        guard grace <= needed else { return .ok(check, found) }
        return .problem(
            check, "\(found): the node is killed before its clients are handed over",
            advice: "set stop_grace_period above \(DurationText.show(needed)), or lower drainLimit")
    }

    private func openFiles(_ service: ComposeFile.Service, _ configuration: ServerConfiguration) -> Finding {
        let check = "compose.descriptors"
        guard let limit = service.openFiles else {
            return .unknown(
                check, "service \(service.name): no ulimits.nofile, so the limit is that of the Docker daemon",
                advice: "set it to \(configuration.maximumConnections + DescriptorCheck.reserve) or more")
        }
        return DescriptorCheck(maximumConnections: configuration.maximumConnections).finding(
            limit: limit, check: check,
            advice:
                "set ulimits.nofile of service \(service.name) to \(configuration.maximumConnections + DescriptorCheck.reserve)"
        )
    }
}

/// Times as compose writes them: `75s`, `1m30s`.
enum ComposeDuration {
    /// - Returns: seconds.
    static func parse(_ text: String) -> Double? {
        var seconds = 0.0
        var rest = text[...]
        while let first = rest.first {
            guard first.isNumber else { return nil }
            let number = rest.prefix { $0.isNumber || $0 == "." }
            let unit = rest.dropFirst(number.count).prefix(while: \.isLetter)
            guard !unit.isEmpty, let part = DurationText.parse("\(number)\(unit)") else { return nil }
            seconds += part
            rest = rest.dropFirst(number.count + unit.count)
        }
        return text.isEmpty ? nil : seconds
    }
}
