/// What a metric is called and means: one row of ``MetricCatalogue``.
struct MetricDescription: Hashable, Sendable {
    enum Kind: String, Hashable, Sendable {
        case counter
        case gauge
        case histogram
        /// A gauge that is always 1 and says something by its labels.
        case info
    }

    /// As it is queried: a counter's ends with `_total`, an info's with `_info`.
    let name: String
    let kind: Kind
    let help: String

    init(_ name: String, _ kind: Kind, _ help: String) {
        self.name = name
        self.kind = kind
        self.help = help
    }
}

/// A label and its value.
struct MetricLabel: Hashable, Sendable {
    let name: String
    let value: String

    init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// One series of a family, at one moment.
struct MetricSample: Hashable, Sendable {
    enum Value: Hashable, Sendable {
        case number(Double)
        case histogram(Histogram)
    }

    var labels: [MetricLabel] = []
    let value: Value

    init(_ value: Value, _ labels: [MetricLabel] = []) {
        self.value = value
        self.labels = labels
    }

    init(_ number: Int, _ labels: MetricLabel...) { self.init(.number(Double(number)), labels) }
    init(_ number: Double, _ labels: MetricLabel...) { self.init(.number(number), labels) }
}

/// All series of one metric, at one moment. Without any it is told of all the same: so whoever looks for its name finds it.
struct MetricFamily: Hashable, Sendable {
    let description: MetricDescription
    var samples: [MetricSample]

    init(_ description: MetricDescription, _ samples: [MetricSample]) {
        self.description = description
        self.samples = samples
    }

    init(_ description: MetricDescription, _ number: Int) { self.init(description, [MetricSample(number)]) }

    /// - Parameter number: nil when there is nothing to tell.
    init(_ description: MetricDescription, _ number: Double?) {
        self.init(description, number.map { [MetricSample($0)] } ?? [])
    }

    init(_ description: MetricDescription, _ histogram: Histogram) {
        self.init(description, [MetricSample(.histogram(histogram))])
    }
}
