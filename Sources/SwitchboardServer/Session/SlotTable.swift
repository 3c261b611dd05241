import NIOCore
import SwitchboardCore

/// The sessions of one event loop, side by side in memory, so that a broadcast walks one array and touches nothing else.
struct SlotTable {
    struct Slot {
        /// The socket, while a frame may be handed straight to it; negative while the session opens, has a queue, closes,
        /// speaks TLS, or the slot is free.
        ///
        /// A descriptor that has been closed may already be somebody else's. NIO calls `channelInactive` in the same turn
        /// in which it closes the socket, and the session takes the descriptor away there; and frames are handed to sockets
        /// only from ``Shard/flush()``, which the loop runs on its own and never in the middle of a close.
        var descriptor: CInt = -1
        var form = FrameForm.raw
        /// It takes part: pushes that mean it count it.
        var isOpen = false
        var generation: UInt32 = 0
        var session: Session?
    }

    private(set) var slots: [Slot] = []
    private var free: [UInt32] = []

    mutating func add(_ session: Session, _ form: FrameForm) -> (slot: UInt32, generation: UInt32) {
        if let index = free.popLast() {
            let generation = slots[Int(index)].generation
            slots[Int(index)] = Slot(form: form, generation: generation, session: session)
            return (index, generation)
        }
        slots.append(Slot(form: form, session: session))
        return (UInt32(slots.count - 1), 0)
    }

    mutating func remove(_ index: UInt32) {
        let generation = slots[Int(index)].generation &+ 1
        slots[Int(index)] = Slot(generation: generation)
        free.append(index)
    }

    func session(_ index: UInt32, generation: UInt32) -> Session? {
        guard Int(index) < slots.count, slots[Int(index)].generation == generation else { return nil }
        return slots[Int(index)].session
    }

    mutating func set(_ index: UInt32, descriptor: CInt, isOpen: Bool) {
        slots[Int(index)].descriptor = descriptor
        slots[Int(index)].isOpen = isOpen
    }
}
