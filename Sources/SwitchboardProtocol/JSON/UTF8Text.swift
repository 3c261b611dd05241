public import NIOCore

/// Whole-text UTF-8 checks (RFC 3629), by the standard library's validator.
public enum UTF8Text {
    public static func isValid(_ buffer: ByteBuffer) -> Bool {
        buffer.withUnsafeReadableBytes { isValid($0) }
    }

    public static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let span = Span<UInt8>(_unsafeBytes: bytes)
        return (try? UTF8Span(validating: span)) != nil
    }
}
