import CHiredis
import NIOCore

/// Builds a reply from the values that hiredis' reader finds, in the order of the wire: an array, then its elements.
///
/// The reader's own objects are not needed; every function returns the builder itself as a sign of success.
final class RESPBuilder {
    private struct Level {
        var missing: Int
        var elements: [RESPReply]
    }

    private let symbols: [[UInt8]]
    private let longestSymbol: Int
    private var levels: [Level] = []
    private var root: RESPReply?

    init(symbols: [String]) {
        self.symbols = symbols.map { Array($0.utf8) }
        self.longestSymbol = self.symbols.map(\.count).max() ?? 0
    }

    func take() -> RESPReply? {
        defer { root = nil }
        return root
    }

    private func add(_ reply: RESPReply) {
        var reply = reply
        while let last = levels.indices.last {
            levels[last].elements.append(reply)
            levels[last].missing -= 1
            guard levels[last].missing == 0 else { return }
            reply = .array(levels.removeLast().elements)
        }
        root = reply
    }

    private func addArray(count: Int) {
        guard count > 0 else { return add(.array([])) }
        // What the header claims is only a claim until the elements are there.
        var elements: [RESPReply] = []
        elements.reserveCapacity(min(count, 512))
        levels.append(Level(missing: count, elements: elements))
    }

    private func add(type: CInt, bytes: UnsafeRawBufferPointer) -> Bool {
        switch type {
        case REDIS_REPLY_STRING:
            if bytes.count <= longestSymbol, let index = symbols.firstIndex(where: { $0.elementsEqual(bytes) }) {
                add(.symbol(index))
            } else {
                add(.bulk(ByteBuffer(bytes: bytes)))
            }
        case REDIS_REPLY_STATUS: add(.status(String(decoding: bytes, as: UTF8.self)))
        case REDIS_REPLY_ERROR: add(.error(Self.withoutArguments(String(decoding: bytes, as: UTF8.self))))
        default: return false
        }
        return true
    }
}

extension RESPBuilder {
    /// A server that does not know a command repeats what came with it: of `AUTH` the password, of a push its payload. What
    /// is left is fit for logs.
    private static func withoutArguments(_ error: String) -> String {
        error.firstRange(of: ", with args beginning with").map { String(error[..<$0.lowerBound]) } ?? error
    }

    /// The table that the reader keeps a pointer to for as long as it lives.
    struct Functions: @unchecked Sendable {
        // Written once, before it can be reached, and only read after that.
        let pointer: UnsafeMutablePointer<redisReplyObjectFunctions>
    }

    static let functions: Functions = {
        var table = redisReplyObjectFunctions()
        // The closures' types are left open: hiredis 0.14 counts elements with `int`, 1.x with `size_t`.
        table.createString = { task, bytes, count in
            guard let (builder, sign) = RESPBuilder.of(task), let type = task?.pointee.type else { return nil }
            return builder.add(type: type, bytes: UnsafeRawBufferPointer(start: bytes, count: count)) ? sign : nil
        }
        table.createArray = { task, count in
            guard let (builder, sign) = RESPBuilder.of(task), task?.pointee.type == REDIS_REPLY_ARRAY else {
                return nil
            }
            builder.addArray(count: Int(count))
            return sign
        }
        table.createInteger = { task, value in
            guard let (builder, sign) = RESPBuilder.of(task) else { return nil }
            builder.add(.integer(Int(value)))
            return sign
        }
        table.createNil = { task in
            guard let (builder, sign) = RESPBuilder.of(task) else { return nil }
            builder.add(.null)
            return sign
        }
        table.freeObject = { _ in }
        switchboard_refuse_resp3(&table)
        let pointer = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        pointer.initialize(to: table)
        return Functions(pointer: pointer)
    }()

    private static func of(_ task: UnsafePointer<redisReadTask>?) -> (RESPBuilder, UnsafeMutableRawPointer)? {
        guard let sign = task?.pointee.privdata else { return nil }
        return (Unmanaged<RESPBuilder>.fromOpaque(sign).takeUnretainedValue(), sign)
    }
}
