import NIOCore

/// The files of `Console/Pages`, which are built into the program.
///
/// A page NAME is NAME.html, with its module NAME.js. A file that is to be served has a line here.
enum ConsoleFiles {
    /// By their names.
    static let all: [String: ConsoleFile] = Dictionary(
        uniqueKeysWithValues: bytes.map { ($0, ConsoleFile(ByteBuffer(bytes: $1), name: $0)) })

    /// What a path below `/console/` means: a page or a file.
    static func named(_ name: String) -> ConsoleFile? {
        if name.isEmpty { return all["overview.html"] }
        // Each page has one address.
        guard !name.hasSuffix(".html") else { return nil }
        return all[name.contains(".") ? name : name + ".html"]
    }

    private static let bytes: [(name: String, bytes: [UInt8])] = [
        ("api.js", PackageResources.api_js),
        ("charts.js", PackageResources.charts_js),
        ("chat.html", PackageResources.chat_html),
        ("chat.js", PackageResources.chat_js),
        ("client.html", PackageResources.client_html),
        ("client.js", PackageResources.client_js),
        ("clients.html", PackageResources.clients_html),
        ("clients.js", PackageResources.clients_js),
        ("console.css", PackageResources.console_css),
        ("dom.js", PackageResources.dom_js),
        ("format.js", PackageResources.format_js),
        ("health.js", PackageResources.health_js),
        ("icon.svg", PackageResources.icon_svg),
        ("identity.js", PackageResources.identity_js),
        ("library.js", PackageResources.library_js),
        ("live.js", PackageResources.live_js),
        ("logbuffer.js", PackageResources.logbuffer_js),
        ("loglines.js", PackageResources.loglines_js),
        ("logs.html", PackageResources.logs_html),
        ("logs.js", PackageResources.logs_js),
        ("nodes.html", PackageResources.nodes_html),
        ("nodes.js", PackageResources.nodes_js),
        ("overview.html", PackageResources.overview_html),
        ("overview.js", PackageResources.overview_js),
        ("pages.css", PackageResources.pages_css),
        ("payload.js", PackageResources.payload_js),
        ("push.html", PackageResources.push_html),
        ("push.js", PackageResources.push_js),
        ("rates.js", PackageResources.rates_js),
        ("recording.js", PackageResources.recording_js),
        ("rollout.html", PackageResources.rollout_html),
        ("rollout.js", PackageResources.rollout_js),
        ("rollouts.html", PackageResources.rollouts_html),
        ("rollouts.js", PackageResources.rollouts_js),
        ("rolloutview.js", PackageResources.rolloutview_js),
        ("shell.js", PackageResources.shell_js),
        ("terminal.html", PackageResources.terminal_html),
        ("terminal.js", PackageResources.terminal_js),
        ("terminalscreen.js", PackageResources.terminalscreen_js),
        ("terminalviewer.js", PackageResources.terminalviewer_js),
        ("theme.js", PackageResources.theme_js),
        ("wall.html", PackageResources.wall_html),
        ("wall.js", PackageResources.wall_js),
    ]
}
