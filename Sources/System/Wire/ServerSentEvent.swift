/// An event of `text/event-stream`, by the WHATWG HTML standard.
public struct ServerSentEvent: Equatable, Sendable {
  /// `message` where the server named none.
  public var event: String
  /// Lines joined by LF.
  public var data: String
  public var id: String?

  public init(event: String = "message", data: String, id: String? = nil) {
    self.event = event
    self.data = data
    self.id = id
  }

  /// As it goes over the wire. A line break in a name or an identifier, which would end it, becomes a blank.
  public var encoded: [UInt8] {
    var text = ""
    if let id { text += "id: \(Self.oneLine(id))\n" }
    if event != "message" { text += "event: \(Self.oneLine(event))\n" }
    for line in data.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) { text += "data: \(line)\n" }
    return [UInt8]((text + "\n").utf8)
  }

  /// A comment that readers pass over: sent now and then, it shows the server that the client has gone.
  public static let heartbeat: [UInt8] = [UInt8](":\n\n".utf8)

  private static func oneLine(_ text: String) -> String {
    String(text.map { $0.isNewline ? " " : $0 })
  }
}
