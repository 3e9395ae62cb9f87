import Glibc

/// Where a program lies, as a shell finds it: by the directories of PATH. A name with a slash is its own answer; nil:
/// there is none.
///
/// swift-subprocess forks once for each directory that it looks in, a millisecond or more each in a daemon (measured:
/// 13 forks before podman began).
public func programPath(_ name: String) -> String? {
  if name.contains("/") { return name }
  let path =
    getenv("PATH").map { String(cString: $0) } ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
  for directory in path.split(separator: ":") {
    let candidate = "\(directory)/\(name)"
    var status = stat()
    if access(candidate, X_OK) == 0, stat(candidate, &status) == 0, status.st_mode & S_IFMT == S_IFREG {
      return candidate
    }
  }
  return nil
}
