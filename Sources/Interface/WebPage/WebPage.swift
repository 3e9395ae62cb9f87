public import HTTPService

/// The web page: one file without secrets, whose program asks the API with the token that its reader gives it.
public enum WebPage {
  /// - Parameter request: for `/` or `/p/<project>`, with or without a closing slash.
  public static func reply(to request: Request) -> Reply {
    var reply = Reply.bytes(PackageResources.page_html, contentType: "text/html; charset=utf-8")
    reply.headers += [
      // What a run logged is text in this page, and must never become a program of it.
      (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src 'self' "
          + "blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
      ), ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"), ("Cache-Control", "no-cache"),
    ]
    return reply
  }
}
