import HTTPForwarding
import Testing

@Suite struct ForwardedFieldsTests {
  private static let fields = ForwardedFields(
    prefix: "/notebooks/abc/", ownCookies: "cairn_", authorization: "token secret")

  private func requestFields(_ fields: [(name: String, value: String)]) -> [String] {
    Self.fields.request(fields).map { "\($0.name): \($0.value)" }
  }

  private func responseFields(_ fields: [(name: String, value: String)]) -> [String] {
    Self.fields.response(fields).map { "\($0.name): \($0.value)" }
  }

  @Test func whatIsAboutOneConnectionStaysOnIt() {
    let fields = [
      ("host", "h"), ("connection", "keep-alive, X-Mine"), ("x-mine", "1"), ("keep-alive", "timeout=5"),
      ("transfer-encoding", "chunked"), ("upgrade", "h2c"), ("te", "trailers"), ("content-length", "4"),
      ("expect", "100-continue"), ("accept", "*/*"),
    ]
    #expect(requestFields(fields) == ["host: h", "accept: */*", "authorization: token secret"])
  }

  @Test func aConnectionFieldCanNotTakeAwayWhoAsks() {
    #expect(
      requestFields([("connection", "host, origin, cookie"), ("host", "h"), ("origin", "o"), ("cookie", "a=b")])
        == ["host: h", "origin: o", "cookie: a=b", "authorization: token secret"])
  }

  @Test func credentialsOfTheClientNeverReachTheServer() {
    let sent = requestFields([
      ("authorization", "Bearer cairn_x"), ("cookie", "cairn_pass=p; _xsrf=1;cairn_other=q ; b=2"),
      ("cookie", "cairn_only=1"),
    ])
    #expect(sent == ["cookie: _xsrf=1; b=2", "authorization: token secret"])
  }

  @Test func aServerRulesOverItsOwnAddressesOnly() {
    let answered = responseFields([
      ("set-cookie", "_xsrf=1; Path=/; Domain=example.org; HttpOnly"), ("set-cookie", "cairn_pass=forged"),
      ("service-worker-allowed", "/"), ("clear-site-data", "\"*\""), ("strict-transport-security", "max-age=1"),
      ("connection", "close"), ("content-type", "text/html"),
    ])
    #expect(answered == ["set-cookie: _xsrf=1; HttpOnly; Path=/notebooks/abc/", "content-type: text/html"])
  }
}
