import NIOSSL

/// A certificate for `localhost` that signs itself, for tests alone; its key is no secret.
enum TestCertificate {
    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBojCCAUmgAwIBAgIUC2Abm5iP0F4JWWRyByiE9VPWY/MwCgYIKoZIzj0EAwIw
        GzEZMBcGA1UEAwwQc3dpdGNoYm9hcmQgdGVzdDAgFw0yNjExMjExNDQ0MTVaGA8y
        MTI2MTAyODE0NDQxNVowGzEZMBcGA1UEAwwQc3dpdGNoYm9hcmQgdGVzdDBZMBMG
        ByqGSM49AgEGCCqGSM49AwEHA0IABEmbuFnY1+Fmw7yRZDiwqp9dW7qi6SUCeLad
        pycdbrl6HvfPD86IIEIPOuXrQ44JoFc+xKovBCf/oZa7i9+7goCjaTBnMB0GA1Ud
        DgQWBBSg2+NBxGUBqVE+jmVQcYnlxfL/XTAfBgNVHSMEGDAWgBSg2+NBxGUBqVE+
        jmVQcYnlxfL/XTAPBgNVHRMBAf8EBTADAQH/MBQGA1UdEQQNMAuCCWxvY2FsaG9z
        dDAKBggqhkjOPQQDAgNHADBEAiBeDQWsrVZOfZ3AtihL7yTxKpPw5tShHntQiIGD
        DH/9xQIgPhfBfAs/4gA4FU46Q2sb7dlefYDOrYPPFHV0Z8kylOM=
        -----END CERTIFICATE-----
        """

    static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgIkb7s0oUurflUwA0
        8i77dVjaRzbv94tQ/OeKctfKKhqhRANCAARJm7hZ2NfhZsO8kWQ4sKqfXVu6oukl
        Ani2nacnHW65eh73zw/OiCBCDzrl60OOCaBXPsSqLwQn/6GWu4vfu4KA
        -----END PRIVATE KEY-----
        """

    static func serverContext() throws -> NIOSSLContext {
        let certificates = try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8))
        let key = try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem)
        return try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(key)))
    }

    static func trusting() throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)))
        return configuration
    }
}
