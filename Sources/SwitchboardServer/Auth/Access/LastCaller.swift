#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Who showed what last on a connection. A backend shows the same with each push, and to look at it anew would cost as much
/// as the push itself.
///
/// What is compared here is compared with what the same connection has shown before, so the time it takes tells nobody
/// anything.
struct LastCaller {
    private var shown: [UInt8] = []
    private var principal: Principal?
    private var version = 0

    /// - Parameters:
    ///   - authorization: The value of the header `Authorization`.
    ///   - version: ``Authenticator/version``
    ///   - now: Unix time in seconds.
    /// - Returns: nil when it has to be looked at.
    func principal(showing authorization: UnsafeRawBufferPointer, version: Int, now: () -> Double) -> Principal? {
        guard let principal, version == self.version, authorization.count == shown.count else { return nil }
        let isSame = shown.withUnsafeBytes { shown in
            guard let old = shown.baseAddress, let new = authorization.baseAddress else { return false }
            return memcmp(old, new, shown.count) == 0
        }
        guard isSame else { return nil }
        if let end = principal.expiresAt, now() >= end { return nil }
        return principal
    }

    /// - Parameter version: As it was before the principal was found out.
    mutating func note(_ principal: Principal, showing authorization: UnsafeRawBufferPointer, version: Int) {
        shown = Array(authorization)
        self.principal = principal
        self.version = version
    }
}
