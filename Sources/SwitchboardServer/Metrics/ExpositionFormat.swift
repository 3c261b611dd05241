/// The two ways in which metrics are told to Prometheus and its like.
enum ExpositionFormat: Sendable, CaseIterable {
    /// Prometheus' text format 0.0.4.
    case text
    /// OpenMetrics 1.0.0.
    case openMetrics

    var contentType: String {
        switch self {
        case .text: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// The form that the caller would rather have (RFC 9110 section 12.5.1). OpenMetrics is given only to who names it in a version
    /// that is known; to everybody else, whatever they accept, the text that people can read.
    init(accept: String?) {
        var (openMetrics, text) = (0.0, 0.0)
        for range in (accept ?? "").lowercased().split(separator: ",") {
            let parts = range.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" && $0 != "\"" } }
            let quality = parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
            let version = parts.dropFirst().first { $0.hasPrefix("version=") }?.dropFirst(8)
            switch parts.first {
            case "application/openmetrics-text" where version == nil || version == "1.0.0":
                openMetrics = max(openMetrics, quality)
            case "text/plain" where version == nil || version == "0.0.4": text = max(text, quality)
            default: break
            }
        }
        self = openMetrics > 0 && openMetrics >= text ? .openMetrics : .text
    }
}
