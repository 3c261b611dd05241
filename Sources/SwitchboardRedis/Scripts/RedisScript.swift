import NIOCore

/// The scripts that run in Redis, each a file in `Lua`, where its first lines say what it takes and returns.
enum RedisScript: Int, CaseIterable, Sendable {
    case route, register, unregister, touch, restore, lost, beat, bury, accept
    case enqueue, mail, ack, cancel, expire, due
    case append, history
    case claim, note
    case webhookConnected, webhookLost, webhookOverdue, webhookDisconnected, webhookAppend
    case webhookClaim, webhookSettle, webhookReplay
    case rolloutAdd, rolloutOpen, rolloutControl, rolloutClaim, rolloutAdvance, rolloutRelease

    /// What it writes is kept for clients or backends: it must not be lost with its master.
    var isKept: Bool {
        switch self {
        case .enqueue, .append, .accept, .webhookAppend: true
        // Lost with its master it would be told again, or never; and it must not be overtaken by what is kept.
        case .webhookConnected, .webhookLost: true
        // A client that is begun must be known to be, whoever leads next.
        case .rolloutAdd, .rolloutOpen, .rolloutControl, .rolloutAdvance: true
        default: false
        }
    }

    /// Where its reply counts the receivers of what it publishes: 0 is said there when it is published afterwards.
    var receivers: Receivers? {
        switch self {
        case .route: .reply
        case .enqueue: .element(2)
        default: nil
        }
    }

    enum Receivers {
        case reply
        case element(Int)
    }

    /// In a Redis Cluster a script reaches only the channels of its own slot, which for a history is that of the shared channel.
    /// Others hand what is to be published back behind their reply, and the link publishes it.
    private static let announcing = Set(
        allCases.filter { $0 != .append && String(decoding: $0.source, as: UTF8.self).contains("redis.call('PUBLISH'") }
    )

    /// In a Redis Cluster its reply is the first of an array, and behind it are channels and messages to publish.
    var announces: Bool { Self.announcing.contains(self) }

    /// As it runs in a Redis Cluster.
    var clusterSource: [UInt8] {
        let name = announces ? "announce(" : "redis.call('SPUBLISH',"
        let body = String(decoding: source, as: UTF8.self).replacing("redis.call('PUBLISH',", with: name)
        guard announces else { return Array(body.utf8) }
        return PackageResources.announce_lua + Array("\nlocal function script()\n\(body)\nend\n".utf8)
            + PackageResources.announced_lua
    }

    /// The whole script: what several have in common goes ahead of each.
    var source: [UInt8] {
        switch self {
        case .enqueue, .mail, .ack, .cancel, .expire:
            PackageResources.common_lua + PackageResources.mailbox_lua + body
        case .append, .history: PackageResources.common_lua + body
        case .webhookConnected, .webhookLost, .webhookOverdue, .webhookDisconnected, .webhookAppend, .webhookClaim,
            .webhookSettle, .webhookReplay:
            PackageResources.webhooks_lua + body
        case .rolloutOpen, .rolloutControl, .rolloutClaim, .rolloutAdvance: PackageResources.rollouts_lua + body
        default: body
        }
    }

    private var body: [UInt8] {
        switch self {
        case .route: PackageResources.route_lua
        case .register: PackageResources.register_lua
        case .unregister: PackageResources.unregister_lua
        case .touch: PackageResources.touch_lua
        case .restore: PackageResources.restore_lua
        case .lost: PackageResources.lost_lua
        case .beat: PackageResources.beat_lua
        case .bury: PackageResources.bury_lua
        case .accept: PackageResources.accept_lua
        case .enqueue: PackageResources.enqueue_lua
        case .mail: PackageResources.mail_lua
        case .ack: PackageResources.ack_lua
        case .cancel: PackageResources.cancel_lua
        case .expire: PackageResources.expire_lua
        case .due: PackageResources.due_lua
        case .append: PackageResources.append_lua
        case .history: PackageResources.history_lua
        case .claim: PackageResources.claim_lua
        case .note: PackageResources.note_lua
        case .webhookConnected: PackageResources.webhook_connected_lua
        case .webhookLost: PackageResources.webhook_lost_lua
        case .webhookOverdue: PackageResources.webhook_overdue_lua
        case .webhookDisconnected: PackageResources.webhook_disconnected_lua
        case .webhookAppend: PackageResources.webhook_append_lua
        case .webhookClaim: PackageResources.webhook_claim_lua
        case .webhookSettle: PackageResources.webhook_settle_lua
        case .webhookReplay: PackageResources.webhook_replay_lua
        case .rolloutAdd: PackageResources.rollout_add_lua
        case .rolloutOpen: PackageResources.rollout_open_lua
        case .rolloutControl: PackageResources.rollout_control_lua
        case .rolloutClaim: PackageResources.rollout_claim_lua
        case .rolloutAdvance: PackageResources.rollout_advance_lua
        case .rolloutRelease: PackageResources.rollout_release_lua
        }
    }
}

/// How to call each script on one connection: by the digest that Redis gave it when it was loaded.
struct ScriptTable: Sendable {
    private let calls: [ByteBuffer]
    private let isCluster: Bool

    /// Loads all scripts.
    ///
    /// - Throws: ``RedisTrouble``.
    init(loadedBy connection: RedisConnection, isCluster: Bool) async throws {
        self.isCluster = isCluster
        var calls: [ByteBuffer] = []
        for script in RedisScript.allCases {
            let reply = try await connection.demand { buffer in
                buffer.command(arguments: 3)
                buffer.argument("SCRIPT" as StaticString)
                buffer.argument("LOAD" as StaticString)
                buffer.argument(Self.source(of: script, isCluster: isCluster))
            }
            guard let digest = reply.text, digest.utf8.count == 40 else {
                throw RedisTrouble.protocolError("SCRIPT LOAD did not answer with a digest")
            }
            var call = CommandBuffer()
            call.argument("EVALSHA" as StaticString)
            call.argument(digest)
            calls.append(call.joined())
        }
        self.calls = calls
    }

    /// The first two arguments of a call, in RESP.
    func call(_ script: RedisScript) -> ByteBuffer { calls[script.rawValue] }

    func source(of script: RedisScript) -> ByteBuffer { Self.source(of: script, isCluster: isCluster) }

    private static func source(of script: RedisScript, isCluster: Bool) -> ByteBuffer {
        ByteBuffer(bytes: isCluster ? script.clusterSource : script.source)
    }
}

extension CommandBuffer {
    /// Begins the call of a script; the keys and arguments follow.
    ///
    /// - Parameter isForgotten: Sends the source itself, which Redis keeps for later calls.
    mutating func call(
        _ script: RedisScript, by scripts: ScriptTable, isForgotten: Bool = false, keys: Int, arguments: Int
    ) {
        command(arguments: 3 + keys + arguments)
        if isForgotten {
            argument("EVAL" as StaticString)
            argument(scripts.source(of: script))
        } else {
            prepared(scripts.call(script))
        }
        argument(keys)
    }
}
