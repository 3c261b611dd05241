import NIOCore
import SwitchboardProtocol

/// What the ends of a framed connection say to each other: a frame or a refusal, and every frame can be said again.
enum FramedTarget {
    static func check(_ input: UnsafeRawBufferPointer) {
        let bytes = ByteBuffer(bytes: input)
        let isClients = isFrame(bytes, ClientFrame.init(parsing:)) { $0.write(into: &$1) }
        let isNodes = isFrame(bytes, ServerFrame.init(parsing:)) { $0.write(into: &$1) }
        expect(isClients == isNodes, "both ends agree on what is no frame at all")
        let document = try? JSONDocument(bytes)
        let hasType = document.flatMap { document in document["type"].flatMap(document.string) } != nil
        expect(isClients == hasType, "a JSON object with a type is a frame, and nothing else is")
    }

    /// - Returns: False when it is nothing that could be a frame; true also for one with something wrong in it.
    private static func isFrame<Frame: Equatable>(
        _ bytes: ByteBuffer, _ parse: (ByteBuffer) throws(FrameError) -> Frame, write: (Frame, inout ByteBuffer) -> Void
    ) -> Bool {
        let frame: Frame
        do throws(FrameError) { frame = try parse(bytes) } catch {
            if case .malformed = error { return false }
            return true
        }
        var text = ByteBuffer()
        write(frame, &text)
        expect((try? parse(text)) == frame, "a frame is read as it was written")
        return true
    }
}
