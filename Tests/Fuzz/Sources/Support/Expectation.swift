import Foundation

/// Ends the process, so that libFuzzer keeps the input, unless the condition holds.
///
/// - Parameter rule: What must hold, in words.
@inline(__always)
func expect(_ condition: Bool, _ rule: @autoclosure () -> String) {
    if !condition { violated(rule()) }
}

/// - Returns: The value, which must be there.
@inline(__always)
func expected<Value>(_ value: Value?, _ rule: @autoclosure () -> String) -> Value {
    guard let value else { violated(rule()) }
    return value
}

@inline(never)
func violated(_ rule: String) -> Never {
    FileHandle.standardError.write(Data("violated: \(rule)\n".utf8))
    abort()
}
