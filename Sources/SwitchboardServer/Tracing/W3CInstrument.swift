import Instrumentation
import SwitchboardProtocol

/// An instrument of swift-distributed-tracing that carries a W3C trace context from one carrier to another, unchanged.
///
/// Switchboard is on the way of a trace without being a part of it: a push belongs to the span of the backend that sent it, and what
/// the client does with it may go on from there.
struct W3CInstrument: Instrument {
    static let shared = W3CInstrument()

    /// Sets the context's ``Instrumentation/InstrumentationContext/trace`` when the carrier has a valid one, and clears it otherwise.
    func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout InstrumentationContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        context.trace = extractor.extract(key: "traceparent", from: carrier).flatMap { parent in
            TraceContext(traceparent: parent, tracestate: extractor.extract(key: "tracestate", from: carrier))
        }
    }

    func inject<Carrier, Inject: Injector>(
        _ context: InstrumentationContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let trace = context.trace else { return }
        injector.inject(trace.traceparent, forKey: "traceparent", into: &carrier)
        if let state = trace.tracestate { injector.inject(state, forKey: "tracestate", into: &carrier) }
    }

    /// The trace context that a carrier brings, if it is valid.
    static func context<Extract: Extractor>(of carrier: Extract.Carrier, using extractor: Extract) -> TraceContext? {
        var context = InstrumentationContext.topLevel
        shared.extract(carrier, into: &context, using: extractor)
        return context.trace
    }
}

extension InstrumentationContext {
    private enum TraceKey: InstrumentationContextKey {
        typealias Value = TraceContext
        static let nameOverride: String? = "w3c-trace"
    }

    /// Where in a trace whatever goes on belongs.
    var trace: TraceContext? {
        get { self[TraceKey.self] }
        set { self[TraceKey.self] = newValue }
    }
}

/// The two headers of a request that was read without an HTTP framework.
struct TraceHeaders: Sendable {
    var traceparent: String?
    var tracestate: String?

    var context: TraceContext? { W3CInstrument.context(of: self, using: Reader()) }

    private struct Reader: Extractor {
        func extract(key: String, from carrier: TraceHeaders) -> String? {
            key == "traceparent" ? carrier.traceparent : carrier.tracestate
        }
    }
}
