import SwitchboardProtocol

/// What an agent must not forget, so that a push is handled once and a command is run once; a struct without I/O.
///
/// Everything that changes it is a ``StateRecord``: applied in order to an empty memory, they give the same memory again.
struct AgentMemory {
    /// The pushes that were handled: at least the newest 1000 and those of the last 10 minutes, at most 20 000.
    private(set) var pushes = RecentIDs()
    /// The newest offset that was handled, by channel; only of channels that the agent follows.
    private(set) var offsets: [String: String] = [:]
    var commands = CommandBook()
    private(set) var seals = SealBook()

    mutating func apply(_ record: StateRecord) {
        switch record {
        case .push(let id, let at, let place):
            pushes.insert(id, at: at)
            if let place { offsets[place.channel] = place.offset }
        case .place(let place): offsets[place.channel] = place.offset.isEmpty ? nil : place.offset
        case .started(let id, let at): commands.started(id, at: at)
        case .result(let id, let at, let result): commands.ended(id, result, at: at)
        case .acknowledged(let id): commands.acknowledged(id)
        case .sealed(let id, let at, let seal): seals.insert(id, seal, now: at)
        case .sealFloor(let expires): seals.raise(floor: expires)
        }
    }

    /// Forgets the histories of other channels than these.
    mutating func keep(channels: Set<String>) {
        offsets = offsets.filter { channels.contains($0.key) }
    }

    /// They forget nothing more than what this memory has forgotten: with the floor, and with no time at which they came.
    private var sealRecords: [StateRecord] {
        (seals.floor > 0 ? [.sealFloor(seals.floor)] : [])
            + seals.entries.map { .sealed(id: $0.id, at: 0, $0.seal) }
    }

    /// The records that make up this memory.
    var records: [StateRecord] {
        pushes.entries.map { .push(id: $0.id, at: $0.at, place: nil) }
            + offsets.sorted { $0.key < $1.key }.map { .place(.init(channel: $0.key, offset: $0.value)) }
            + sealRecords + commands.records
    }
}
