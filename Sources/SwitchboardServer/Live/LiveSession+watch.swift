import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// What happens on all nodes, as an operator's watches want it.
extension LiveSession {
    /// A watch of the same name takes the place of the earlier one.
    func watch(_ frame: LiveFrame) throws(LiveError) {
        let id = try frame.watchID()
        let (client, types) = try frame.filter()
        guard watches[id] != nil || watches.count < Self.maximumWatches else { throw .tooManyWatches }
        unwatch(id)
        // Whether the operator still may is looked at for the whole socket.
        guard let feed = node.events.watch(client: client, types: types, kind: .socket) else {
            throw .overloaded("\(EventHub.maximumSocketWatches) watches are open here already, or the node stops")
        }
        watches[id] = feed
        let box = NIOLoopBound(self, eventLoop: loop)
        Task { [loop] in
            for await item in feed.items {
                // One at a time: what the loop has no time for waits in the feed, which has a limit.
                try? await loop.submit { box.value.take(item, of: feed, for: id) }.get()
            }
        }
    }

    func unwatch(_ id: String) {
        lostEvents[id] = nil
        guard let feed = watches.removeValue(forKey: id) else { return }
        node.events.end(feed)
        feed.finish()
    }

    private func take(_ item: WatcherFeed.Item, of feed: WatcherFeed, for id: String) {
        guard watches[id] === feed else { return }
        switch item {
        case .began(let nodes):
            send(
                JSONObjectWriter.document { json in
                    json.string("type", "watching")
                    json.string("id", id)
                    json.integer("nodes", nodes)
                })
        case .batch(let batch):
            let dropped = batch.dropped + feed.takeLost(of: batch.node) + (lostEvents.removeValue(forKey: id) ?? 0)
            let (events, count) = Self.list(batch.lines)
            guard hasRoom(for: events.readableBytes + 256, leaving: Self.reserve) else {
                lostEvents[id] = dropped + count
                return
            }
            send(events, dropped: dropped, for: id)
        }
    }

    /// There is room again. What was left out is told although nothing may come any more that it could go with.
    func tellOfLostEvents() {
        let lost = lostEvents
        lostEvents = [:]
        for (id, count) in lost { send(ByteBuffer(string: "[]"), dropped: count, for: id) }
    }

    /// - Parameter events: A list in JSON.
    private func send(_ events: ByteBuffer, dropped: Int, for id: String) {
        send(
            JSONObjectWriter.document { json in
                json.string("type", "events")
                json.string("id", id)
                json.verbatim("events", events)
                if dropped > 0 { json.integer("dropped", dropped) }
            })
    }

    /// - Parameter lines: See ``EventBatch``.
    /// - Returns: A list in JSON, and how many events are in it.
    static func list(_ lines: ByteBuffer) -> (json: ByteBuffer, count: Int) {
        var list = ByteBuffer()
        list.reserveCapacity(lines.readableBytes + 2)
        var count = 0
        list.writeInteger(UInt8(ascii: "["))
        for line in lines.readableBytesView.split(separator: UInt8(ascii: "\n")) {
            guard let space = line.firstIndex(of: UInt8(ascii: " ")) else { continue }
            if count > 0 { list.writeInteger(UInt8(ascii: ",")) }
            list.writeBytes(line[(space + 1)...])
            count += 1
        }
        list.writeInteger(UInt8(ascii: "]"))
        return (list, count)
    }
}
