import Hummingbird
import NIOCore

/// What a route knows of its request beside the request itself.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The connection that it came by.
    let channel: any Channel
    /// Who sent it.
    var principal = Principal.anonymous
    /// Whether the sender would still be let in; nil where nobody is asked.
    var standing: Standing?

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}
