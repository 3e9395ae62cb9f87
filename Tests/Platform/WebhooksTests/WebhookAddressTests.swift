import Testing
import Tracker

@testable import Webhooks

@Suite struct WebhookAddressTests {
  @Test(arguments: [
    "8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808",
  ])
  func addressesOfTheInternetAreAllowed(_ text: String) throws {
    let address = try #require(IPAddress(text))
    #expect(WebhookTargets.public.allow(address))
  }

  @Test(arguments: [
    "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
    "169.254.169.254",
    "0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1",
    "fd12:3456::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::1",
    "2002:a9fe:a9fe::", "2001:db8::1", "2001::1", "::127.0.0.1",
  ])
  func addressesWithinAreRefused(_ text: String) throws {
    let address = try #require(IPAddress(text))
    #expect(!WebhookTargets.public.allow(address), "\(address.text)")
  }

  @Test func privateTargetsAreTheHostAndItsNetworksAndNothingElse() throws {
    for text in ["127.0.0.1", "10.1.2.3", "192.168.1.1", "::1", "fd00::1", "::ffff:10.0.0.1", "8.8.8.8"] {
      #expect(WebhookTargets.private.allow(try #require(IPAddress(text))), "\(text)")
    }
    for text in ["169.254.169.254", "0.0.0.0", "224.0.0.1", "fe80::1", "::", "::ffff:169.254.169.254"] {
      #expect(!WebhookTargets.private.allow(try #require(IPAddress(text))), "\(text)")
    }
  }

  @Test(arguments: [
    ("https://example.com/hook?a=1", "https", "example.com", UInt16(443)),
    ("http://example.com", "http", "example.com", 80),
    ("http://example.com:8080/", "http", "example.com", 8080), ("https://[::1]:9/x", "https", "::1", 9),
    ("HTTP://127.0.0.1/@", "http", "127.0.0.1", 80),
  ])
  func addressesAreTakenApart(_ url: String, _ scheme: String, _ host: String, _ port: UInt16) throws {
    let address = try WebhookAddress(url)
    #expect(address.scheme == scheme && address.host == host && address.port == port)
  }

  @Test(arguments: [
    "", "example.com", "ftp://example.com", "file:///etc/passwd", "http://", "http://:80/", "http://user@example.com",
    "http://example.com@127.0.0.1/", "http://a b", "http://a\nb", "http://a:0", "http://a:70000", "http://a:x",
    "http://[::1", "http://[::1]x", "http://-o/", "http://a\"b", "gopher://x", "http://exämple.com",
  ])
  func whatIsNoAddressOfAServerIsRefused(_ url: String) {
    #expect(throws: TrackerError.self) { try WebhookAddress(url) }
  }

  @Test func hostsAreRefusedByWhatTheyResolveTo() throws {
    for url in ["http://localhost/", "http://127.0.0.1/", "http://0x7f000001/", "http://2130706433/", "http://[::1]/"] {
      #expect(throws: TrackerError.self, "\(url)") { try WebhookAddress(url).resolve(.public) }
    }
    #expect(try WebhookAddress("http://127.0.0.1/").resolve(.private) == ["127.0.0.1"])
  }

  /// The value that MLflow's own code gives for these.
  @Test func theSignatureIsMLflows() {
    let header = WebhookSignature.header(
      secret: "secret", delivery: "00000000-0000-4000-8000-000000000000", timestamp: 1_700_000_000,
      payload: #"{"entity":"model_version"}"#)
    #expect(header == "v1,vn233nVcpMJBYr2xfIfajhhIMNeqZnEkCNy/m+7pJRI=")
  }

  @Test func onlyWhatHappensCanBeAskedFor() throws {
    #expect(try WebhookEvent(entity: "MODEL_VERSION", action: "CREATED").name == "model_version.created")
    for (entity, action) in [("MODEL_VERSION", "DELETED"), ("REGISTERED_MODEL", "SET"), ("X", "CREATED"), ("", "")] {
      #expect(throws: TrackerError.self) { try WebhookEvent(entity: entity, action: action) }
    }
  }
}
