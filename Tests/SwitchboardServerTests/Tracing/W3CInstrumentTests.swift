import Instrumentation
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct W3CInstrumentTests {
    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    private struct Fields: Extractor, Injector {
        func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
        func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
    }

    @Test func carriesAContextFromOneCarrierToAnother() {
        let incoming = ["traceparent": Self.parent, "tracestate": "a=1, b=2", "other": "x"]
        var context = InstrumentationContext.topLevel
        W3CInstrument.shared.extract(incoming, into: &context, using: Fields())
        var outgoing: [String: String] = [:]
        W3CInstrument.shared.inject(context, into: &outgoing, using: Fields())
        #expect(outgoing == ["traceparent": Self.parent, "tracestate": "a=1, b=2"])
    }

    @Test func anInvalidOneIsIgnoredAndHidesNoOther() {
        var context = InstrumentationContext.topLevel
        context.trace = TraceContext(traceparent: Self.parent)
        W3CInstrument.shared.extract(["traceparent": "nonsense"], into: &context, using: Fields())
        #expect(context.trace == nil)
        var outgoing: [String: String] = [:]
        W3CInstrument.shared.inject(context, into: &outgoing, using: Fields())
        #expect(outgoing.isEmpty)
    }

    @Test func aRequestBelowTheFrameworkHasOneToo() {
        #expect(TraceHeaders(traceparent: Self.parent).context?.traceparent == Self.parent)
        #expect(TraceHeaders(tracestate: "a=1").context == nil)
        #expect(TraceHeaders(traceparent: "00-0-0-0").context == nil)
    }
}
