import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// Messages of every kind with whatever in them: read by other nodes as they were written.
enum BusMessageTarget {
    static func check(_ input: UnsafeRawBufferPointer) {
        var dice = Dice(input)
        BusTarget.travels(dice.message())
    }
}

extension Dice {
    fileprivate mutating func message() -> BusMessage {
        switch below(20) {
        case 0, 1: .push(push())
        case 2:
            .receipt(
                Receipt(ticket: UInt64(count()), node: name(), matched: tally(), delivered: tally(), dropped: tally()))
        case 3: .acknowledged(Acknowledgement(ticket: UInt64(count()), node: name(), clients: tally()))
        case 4:
            .command(
                BusCommand(
                    id: name(), client: name(), name: text(), payload: payload(),
                    timeout: seconds(upTo: BusCommand.maximumTimeout), origin: name(), trace: trace(),
                    signature: signature()))
        case 5: .cancel(Cancellation(id: name(), client: name()))
        case 6: .commandEvent(CommandEvent(id: name(), node: name(), kind: commandEvent()))
        case 7:
            .evict(
                Eviction(
                    client: name(), session: name(), epoch: UInt64(count()), node: name(), address: text()))
        case 8: .control(Control(id: text(), origin: name(), client: name(), action: action()))
        case 9:
            .done(
                ControlOutcome(
                    id: text(), node: name(), result: [ControlOutcome.Result.done, .notHere, .refused][below(3)]))
        case 10: .query(Query(id: text(), origin: name(), subject: subject()))
        case 11: .answer(Answer(id: text(), node: name(), body: bytes()))
        case 12:
            .watch(
                Watch(
                    id: text(), origin: name(), client: maybe { $0.name() },
                    types: (0..<below(Watch.maximumTypes + 1)).map { _ in text() },
                    lease: below(Watch.maximumLease + 1)))
        case 13: .events(EventBatch(watch: text(), node: name(), dropped: tally(), lines: bytes()))
        case 14: .canary(text())
        case 15:
            .terminalOrder(
                BusTerminalOrder(
                    client: name(), origin: name(), order: TerminalOrder(viewer: "v", action: terminalAction())))
        case 16:
            .terminalReport(
                BusTerminalReport(
                    client: name(), viewer: "v",
                    content: isTrue()
                        ? .notHere : .report(.output(offset: UInt64(below(1 << 20)), bytes: shortBytes(16 << 10)))))
        case 17:
            .groupWatch(
                GroupWatch(
                    group: name(), origin: name(), lease: below(Watch.maximumLease + 1), wantsAll: isTrue()))
        case 18: .groupChange(groupChange())
        default: isTrue() ? .nodeUp(name()) : .nodeDown(name())
        }
    }

    private mutating func groupChange() -> GroupChange {
        GroupChange(
            group: name(), node: name(), sequence: count(), begins: isTrue(), ends: isTrue(), isComplete: isTrue(),
            joined: (0..<below(5)).map { _ in
                GroupMember(
                    client: name(),
                    labels: isTrue() ? [:] : [label(1...Target.maximumLabelBytes.name): label(0...20)])
            },
            left: (0..<below(5)).map { _ in name() })
    }

    private mutating func push() -> BusPush {
        let origin: NodeID? = maybe { $0.name() }
        return BusPush(
            id: name(), target: target(), payload: payload(), origin: origin,
            // Only who wants a receipt has a number for it.
            ticket: origin == nil ? 0 : UInt64(count()), acceptedAt: UInt64(count()),
            microseconds: UInt16(count() % 1000), waits: isTrue(), durable: maybe { $0.durable() }, trace: trace(),
            from: maybe { $0.name() })
    }

    private mutating func durable() -> BusPush.Durable {
        BusPush.Durable(expiresAt: UInt64(count()), collapse: maybe { $0.text() }, place: maybe { $0.place() })
    }

    private mutating func place() -> BusPush.Place {
        BusPush.Place(offset: offset(), previous: offset(), epoch: maybe { $0.text() })
    }

    private mutating func offset() -> StreamOffset {
        StreamOffset(milliseconds: UInt64(count()), sequence: UInt64(count()))
    }

    private mutating func target() -> Target {
        switch below(5) {
        case 0: return .client(name())
        case 1: return .group(name())
        case 2: return .all
        case 3:
            var clients: Set<ClientID> = []
            return .clients((0...below(20)).map { _ in name(ClientID.self) }.filter { clients.insert($0).inserted })
        default:
            var labels: [String: String] = [:]
            for _ in 0...below(Target.maximumLabels) {
                labels[label(1...Target.maximumLabelBytes.name)] = label(0...Target.maximumLabelBytes.value)
            }
            return .labels(labels)
        }
    }

    private mutating func label(_ bytes: ClosedRange<Int>) -> String {
        let text = text().prefix(bytes: bytes.upperBound)
        return text.utf8.count < bytes.lowerBound ? "l" : text
    }

    /// As many as a message may count.
    private mutating func tally() -> Int { count() % (Receipt.maximumCount + 1) }

    private mutating func commandEvent() -> CommandEvent.Kind {
        switch below(7) {
        case 0: .delivered
        case 1: .output(payload())
        case 2: .result(status: count(), maybe { $0.payload() })
        case 3: .notHere
        case 4: .unsupported
        case 5: .queueFull
        default: .sessionEnded
        }
    }

    private mutating func terminalAction() -> TerminalOrder.Action {
        switch below(6) {
        case 0: .input(offset: UInt64(below(1 << 20)), bytes: shortBytes(TerminalOrder.maximumInputBytes))
        case 1: .resize(columns: 1 + below(TerminalOrder.maximumSide), rows: 1 + below(TerminalOrder.maximumSide))
        case 2: .took(offset: UInt64(below(1 << 20)))
        case 3: .detach
        case 4: .end
        default: .list
        }
    }

    private mutating func shortBytes(_ limit: Int) -> ByteBuffer {
        var all = bytes()
        return all.readSlice(length: min(limit, all.readableBytes)) ?? ByteBuffer()
    }

    private mutating func action() -> Control.Action {
        switch below(3) {
        case 0: .close(code: UInt16(truncatingIfNeeded: count()), reason: text())
        case 1: .join(name())
        default: .leave(name())
        }
    }

    private mutating func subject() -> Query.Subject {
        switch below(8) {
        case 0: .groups
        case 1: .members(name())
        case 2: .stats
        case 3: .closes(count())
        case 4: .drain
        case 5: .reach(target())
        case 6: .pushes(count())
        default: .serve
        }
    }
}
