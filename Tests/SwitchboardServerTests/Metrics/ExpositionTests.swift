import NIOCore
import Testing

@testable import SwitchboardServer

@Suite struct ExpositionTests {
    private static let counter = MetricDescription("a_total", .counter, "Things \"so\" \\ to\nsay.")
    private static let info = MetricDescription("b_info", .info, "What it is.")

    private static func text(_ families: [MetricFamily], _ format: ExpositionFormat) -> String {
        String(buffer: ExpositionWriter.write(families, as: format))
    }

    @Test func aCounterIsNamedByItsSuffixInOneFormatAndWithoutInTheOther() {
        let family = MetricFamily(Self.counter, [MetricSample(3, MetricLabel("code", "1"))])
        #expect(
            Self.text([family], .text) == """
                # HELP a_total Things "so" \\\\ to\\nsay.
                # TYPE a_total counter
                a_total{code="1"} 3

                """)
        #expect(
            Self.text([family], .openMetrics) == """
                # HELP a Things \\"so\\" \\\\ to\\nsay.
                # TYPE a counter
                a_total{code="1"} 3
                # EOF

                """)
    }

    @Test func infoIsAGaugeToTheOlderFormat() {
        let family = MetricFamily(Self.info, [MetricSample(1, MetricLabel("version", "1\"\\\n"))])
        #expect(
            Self.text([family], .text) == """
                # HELP b_info What it is.
                # TYPE b_info gauge
                b_info{version="1\\"\\\\\\n"} 1

                """)
        #expect(Self.text([family], .openMetrics).contains("# TYPE b info\nb_info{"))
    }

    @Test func bucketsAreCumulativeAndEndWithInfinity() {
        var histogram = Histogram(.latency)
        histogram.record(100)
        histogram.record(101, times: 2)
        histogram.record(20_000_000)
        histogram.record(-5)
        let family = MetricFamily(MetricDescription("c_seconds", .histogram, "Time."), histogram)
        let lines = Self.text([family], .openMetrics).split(separator: "\n")
        #expect(lines[2] == "# UNIT c_seconds seconds")
        #expect(lines.contains(#"c_seconds_bucket{le="0.0001"} 2"#))
        #expect(lines.contains(#"c_seconds_bucket{le="0.00025"} 4"#))
        #expect(lines.contains(#"c_seconds_bucket{le="10.0"} 4"#))
        #expect(lines.contains(#"c_seconds_bucket{le="+Inf"} 5"#))
        #expect(lines.contains("c_seconds_count 5"))
        #expect(lines.contains("c_seconds_sum 20.000302"))
        #expect(lines.last == "# EOF")
    }

    @Test(arguments: [
        (0.0, "0"), (-3, "-3"), (1.5, "1.5"), (1e300, "1e+300"), (.nan, "NaN"), (.infinity, "+Inf"),
        (-.infinity, "-Inf"), (1_795_291_616.63, "1795291616.63"),
    ])
    func numbers(number: Double, text: String) {
        #expect(ExpositionWriter.text(number) == text)
    }

    @Test func aMetricWithNothingToTellIsNamedAllTheSame() {
        let family = MetricFamily(MetricDescription("d", .gauge, "Nothing."), nil as Double?)
        #expect(Self.text([family], .text) == "# HELP d Nothing.\n# TYPE d gauge\n")
    }

    @Test(arguments: [
        (nil, ExpositionFormat.text), ("", .text), ("*/*", .text), ("text/html", .text),
        ("application/openmetrics-text", .openMetrics),
        ("Application/OpenMetrics-Text; Version=\"1.0.0\"", .openMetrics),
        ("application/openmetrics-text;version=2.0.0", .text),
        ("application/openmetrics-text;version=1.0.0;q=0", .text),
        ("application/openmetrics-text;q=0.3,text/plain;version=0.0.4;q=0.5", .text),
        ("text/plain;q=0.5;version=0.0.4, application/openmetrics-text;q=0.5;version=1.0.0", .openMetrics),
        // Prometheus 2 and 3.
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", .openMetrics
        ),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                + "application/openmetrics-text;version=0.0.1;q=0.4,"
                + "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            .openMetrics
        ),
    ])
    func theCallersWishDecides(accept: String?, format: ExpositionFormat) {
        #expect(ExpositionFormat(accept: accept) == format)
    }
}
