import NIOSSL
import Testing

@testable import SwitchboardAgent

@Suite struct CertificatePinTests {
    /// openssl x509 -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | openssl base64
    private static let pin = "sha256/e7GRWeGd+IucORfHsgP8/r+jf6nQzeg7ZRuHhk0yadM="

    @Test func theHashIsThatOfTheKey() throws {
        let certificate = try #require(
            try NIOSSLCertificate.fromPEMBytes(Array(TestCertificate.certificate.utf8)).first)
        #expect(try CertificatePin(certificate).description == Self.pin)
        #expect(try CertificatePin(certificate) == CertificatePin(Self.pin))
    }

    @Test(arguments: [
        "", "sha256/", "sha256/AAAA", "sha1/" + String(repeating: "A", count: 43) + "=",
        "sha256/" + String(repeating: "A", count: 43), "SHA256/" + String(repeating: "A", count: 43) + "=",
        "sha256//" + String(repeating: "A", count: 43) + "=", "sha256/" + String(repeating: "A", count: 42) + "!=",
        "sha256/" + String(repeating: "A", count: 43) + "=\n",
    ])
    func whatIsNoPin(text: String) {
        #expect(CertificatePin(text) == nil)
    }
}
