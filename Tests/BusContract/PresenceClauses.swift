import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

extension BusContract {
    static let presence: [ContractClause] = [
        ContractClause("presence shows a live session as it is") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let (session, epoch) = try await first.join(
                client("a"), groups: [group("shop:1"), group("all")], labels: ["role": "till \"1\"", "\u{E9}": ""])
            let presence = try #require(try await second.store.client(client("a")))
            #expect(presence.state == .online)
            #expect(presence.node == first.id)
            #expect(presence.session == session.session)
            #expect(presence.epoch == epoch)
            #expect(presence.address == session.address)
            #expect(presence.userAgent == session.userAgent)
            #expect(presence.connectedAt == session.connectedAt)
            #expect(presence.lastSeenAt.map { $0 >= session.connectedAt } == true)
            #expect(Set(presence.groups) == Set(session.groups))
            #expect(presence.labels == session.labels)
            #expect(presence.roundTrip == nil)
            #expect(presence.health == nil)
            #expect(presence.disconnectedAt == nil)
            #expect(presence.closeCode == nil)
        },
        ContractClause("nothing is known of a client that never came") { cluster in
            let node = try await cluster.node("n1")
            #expect(try await node.store.client(client("nobody")) == nil)
        },
        ContractClause("an orderly end is offline at once, with code and reason") { cluster in
            let node = try await cluster.node("n1")
            let (session, epoch) = try await node.join(client("a"))
            let departure = node.departure(of: session, epoch: epoch, code: .goingAway, reason: "closing \"time\"")
            node.store.unregister(departure)
            let presence = try #require(try await node.store.client(client("a")))
            #expect(presence.state == .offline)
            #expect(presence.closeCode == 1001)
            #expect(presence.closeReason == departure.reason)
            #expect(presence.disconnectedAt == departure.at)
            #expect(presence.lastSeenAt == departure.at)
            #expect(presence.epoch == epoch)
        },
        ContractClause("a lost connection is suspect for the resume window") { cluster in
            let node = try await cluster.node("n1")
            let (session, epoch) = try await node.join(client("a"))
            var departure = node.departure(of: session, epoch: epoch, code: .abnormal, reason: "", isLost: true)
            node.store.unregister(departure)
            #expect(try await node.store.client(client("a"))?.state == .suspect)
            let (second, nextEpoch) = try await node.join(client("b"))
            departure = node.departure(of: second, epoch: nextEpoch, code: .noPong, reason: "", isLost: true)
            departure.at -= UInt64(ResumeWindow.standard) * 1000 + 1
            node.store.unregister(departure)
            #expect(try await node.store.client(client("b"))?.state == .offline)
        },
        ContractClause("a client that comes back has no old ending") { cluster in
            let node = try await cluster.node("n1")
            let (session, epoch) = try await node.join(client("a"))
            node.store.touch([PresenceChange(client: client("a"), epoch: epoch, roundTrip: 4)])
            node.store.unregister(node.departure(of: session, epoch: epoch, isLost: true))
            _ = try await node.join(client("a"))
            let presence = try #require(try await node.store.client(client("a")))
            #expect(presence.state == .online)
            #expect(presence.closeCode == nil)
            #expect(presence.closeReason == nil)
            #expect(presence.disconnectedAt == nil)
            #expect(presence.roundTrip == nil)
        },
        ContractClause("changes are kept while the epoch is the current one") { cluster in
            let node = try await cluster.node("n1")
            let (_, epoch) = try await node.join(client("a"), groups: [group("g")])
            let health = ByteBuffer(string: #"{"disk":0.5}"#)
            let change = PresenceChange(
                client: client("a"), epoch: epoch, lastSeenAt: 1_800_000_000_000, roundTrip: 12.5,
                groups: [group("h")], health: health)
            node.store.touch([change])
            node.store.touch([PresenceChange(client: client("a"), epoch: epoch + 1, roundTrip: 99)])
            node.store.touch([PresenceChange(client: client("nobody"), epoch: 1, roundTrip: 99)])
            let presence = try #require(try await node.store.client(client("a")))
            #expect(presence.lastSeenAt == 1_800_000_000_000)
            #expect(presence.roundTrip == 12.5)
            #expect(presence.groups == [group("h")])
            #expect(presence.health == health)
            #expect(try await node.store.client(client("nobody")) == nil)
        },
        ContractClause("a change after the end brings nobody back") { cluster in
            let node = try await cluster.node("n1")
            let (session, epoch) = try await node.join(client("a"))
            node.store.unregister(node.departure(of: session, epoch: epoch))
            node.store.touch([PresenceChange(client: client("a"), epoch: epoch, roundTrip: 3)])
            #expect(try await node.store.client(client("a"))?.state == .offline)
        },
        ContractClause("writing live sessions again changes nothing") { cluster in
            let node = try await cluster.node("n1")
            let session = try await node.join(client("a"), groups: [group("g")])
            let before = try await node.store.client(client("a"))
            try await node.store.restore([session])
            var after = try await node.store.client(client("a"))
            after?.lastSeenAt = before?.lastSeenAt
            #expect(after == before)
            #expect(node.recorder.relevant.isEmpty)
        },
        ContractClause("an upstream message with an id is accepted once") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            var message = UpstreamMessage(
                client: client("a"), session: .random(), node: first.id, id: "m1",
                payload: Payload(format: .text, bytes: ByteBuffer(string: "up")), receivedAt: WallClock.milliseconds())
            #expect(try await first.accept(message))
            #expect(try await second.accept(message) == false)
            message.id = "m2"
            #expect(try await first.accept(message))
            message.id = nil
            #expect(try await first.accept(message))
            #expect(try await first.accept(message))
            message.id = "m1"
            message.client = client("b")
            #expect(try await first.accept(message))
        },
    ]
}
