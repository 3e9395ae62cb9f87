import Glibc

/// Tells a thread's owner that the thread is about to wait, for a disk or for another thread: who has
/// other work may let another thread see to it meanwhile.
public enum Waiting {
  private final class Handler {
    let body: (_ isBrief: Bool) -> Void
    init(_ body: @escaping (_ isBrief: Bool) -> Void) { self.body = body }
  }

  /// Of each thread, its handler: retained, and released when the thread ends.
  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    // Without one nothing is announced, and threads wait for each other more than they need.
    if pthread_key_create(&key, { Unmanaged<Handler>.fromOpaque($0!).release() }) != 0 { return pthread_key_t.max }
    return key
  }()

  /// Has `handler` called by ``announce(isBrief:)`` on the calling thread from now on.
  public static func onThisThread(_ handler: @escaping (_ isBrief: Bool) -> Void) {
    let old = pthread_getspecific(key)
    let new = Unmanaged.passRetained(Handler(handler))
    if pthread_setspecific(key, new.toOpaque()) != 0 { new.release() }
    if let old { Unmanaged<Handler>.fromOpaque(old).release() }
  }

  /// To be called right before the calling thread may wait: for one access to a disk, which is brief, or
  /// for longer.
  public static func announce(isBrief: Bool = false) {
    guard let handler = pthread_getspecific(key) else { return }
    Unmanaged<Handler>.fromOpaque(handler).takeUnretainedValue().body(isBrief)
  }
}
