import CLinux
import Glibc
import Linux

/// Lets the process open as many files as the host allows it to.
public func raiseOpenFileLimit() throws(SystemError) {
  var limit = rlimit()
  let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  if getrlimit(resource, &limit) != 0 { throw SystemError("getrlimit", "RLIMIT_NOFILE") }
  limit.rlim_cur = limit.rlim_max
  if setrlimit(resource, &limit) != 0 { throw SystemError("setrlimit", "RLIMIT_NOFILE") }
}

/// Makes a directory and those on the way to it. What exists already stays as it is.
public func makeDirectories(_ path: String, mode: mode_t = 0o755) throws(SystemError) {
  var status = stat()
  if stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR { return }
  if mkdir(path, mode) == 0 || errno == EEXIST { return }
  guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
    throw SystemError("mkdir", path)
  }
  try makeDirectories(String(path[..<slash]), mode: 0o755)
  if mkdir(path, mode) != 0 && errno != EEXIST { throw SystemError("mkdir", path) }
}

/// The environment of this process. Names and values that are not UTF-8 are left out.
public func processEnvironment() -> [String: String] {
  var result: [String: String] = [:]
  var next = cairn_environment()
  while let at = next, let text = at.pointee {
    next = at + 1
    guard let entry = String(validatingCString: text), let equals = entry.firstIndex(of: "=") else { continue }
    result[String(entry[..<equals])] = String(entry[entry.index(after: equals)...])
  }
  return result
}
