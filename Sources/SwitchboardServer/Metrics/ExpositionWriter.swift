import NIOCore

/// Writes metrics in one of the two formats, families one after the other.
struct ExpositionWriter {
    private let format: ExpositionFormat
    private var buffer = ByteBuffer()

    init(_ format: ExpositionFormat) { self.format = format }

    static func write(_ families: [MetricFamily], as format: ExpositionFormat) -> ByteBuffer {
        var writer = ExpositionWriter(format)
        for family in families { writer.write(family) }
        return writer.finish()
    }

    mutating func write(_ family: MetricFamily) {
        let description = family.description
        let head = self.head(description)
        line("# HELP ", head, " ", escapedHelp(description.help))
        line("# TYPE ", head, " ", type(description.kind))
        if format == .openMetrics, let unit = Self.unit(of: head, description.kind) { line("# UNIT ", head, " ", unit) }
        for sample in family.samples {
            switch sample.value {
            case .number(let number): write(description.name, sample.labels, Self.text(number))
            case .histogram(let histogram): write(description.name, sample.labels, histogram)
            }
        }
    }

    /// - Returns: Everything that was written; OpenMetrics is closed by its own last line.
    consuming func finish() -> ByteBuffer {
        if format == .openMetrics { buffer.writeStaticString("# EOF\n") }
        return buffer
    }

    // MARK: Families

    /// What the comments call the family. OpenMetrics leaves out what the kind adds to it.
    private func head(_ description: MetricDescription) -> String {
        guard format == .openMetrics else { return description.name }
        switch description.kind {
        case .counter: return description.name.withoutSuffix("_total")
        case .info: return description.name.withoutSuffix("_info")
        case .gauge, .histogram: return description.name
        }
    }

    /// The older format knows no info.
    private func type(_ kind: MetricDescription.Kind) -> String {
        kind == .info && format == .text ? MetricDescription.Kind.gauge.rawValue : kind.rawValue
    }

    /// Units that names end with, as OpenMetrics asks.
    private static func unit(of head: String, _ kind: MetricDescription.Kind) -> String? {
        guard kind != .info else { return nil }
        return ["seconds", "bytes", "ratio"].first { head.hasSuffix("_" + $0) }
    }

    // MARK: Series

    private mutating func write(_ name: String, _ labels: [MetricLabel], _ value: String) {
        buffer.writeString(name)
        write(labels)
        line(" ", value)
    }

    private mutating func write(_ name: String, _ labels: [MetricLabel], _ histogram: Histogram) {
        var sum = 0
        let scale = histogram.scale
        for (index, count) in histogram.counts.enumerated() {
            sum += count
            let bound =
                index < scale.bounds.count ? "\(Double(scale.bounds[index]) / scale.unitsPerWhole)" : "+Inf"
            write(name + "_bucket", labels + [MetricLabel("le", bound)], "\(sum)")
        }
        write(name + "_sum", labels, Self.text(Double(histogram.sum) / scale.unitsPerWhole))
        write(name + "_count", labels, "\(sum)")
    }

    private mutating func write(_ labels: [MetricLabel]) {
        guard !labels.isEmpty else { return }
        for (index, label) in labels.enumerated() {
            buffer.writeString(index == 0 ? "{" : ",")
            buffer.writeString("\(label.name)=\"\(Self.escaped(label.value))\"")
        }
        buffer.writeString("}")
    }

    private mutating func line(_ parts: String...) {
        for part in parts { buffer.writeString(part) }
        buffer.writeInteger(UInt8(ascii: "\n"))
    }

    /// A whole number without a fraction.
    static func text(_ number: Double) -> String {
        if let whole = Int64(exactly: number) { return "\(whole)" }
        if number.isNaN { return "NaN" }
        return number.isInfinite ? (number < 0 ? "-Inf" : "+Inf") : "\(number)"
    }

    /// The older format does not escape quotes in a help text.
    private func escapedHelp(_ text: String) -> String {
        format == .openMetrics ? Self.escaped(text) : Self.escaped(text, quotes: false)
    }

    private static func escaped(_ text: String, quotes: Bool = true) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}

extension String {
    fileprivate func withoutSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
