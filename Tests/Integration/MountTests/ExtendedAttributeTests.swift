import Glibc
import MountCalls
import Testing

@Suite("Extended attributes and ACLs", .timeLimit(.minutes(1)))
struct ExtendedAttributeTests {
  private func set(_ path: String, _ name: String, _ value: [UInt8], _ flags: Int = 0) -> Int32 {
    errorCode { call_set_attribute(path, name, value, value.count, Int32(flags)) }
  }

  private func get(_ path: String, _ name: String) throws -> [UInt8] {
    var value = [UInt8](repeating: 0, count: 65_536)
    let count = try check(call_get_attribute(path, name, &value, value.count), "getxattr", path)
    return Array(value[..<count])
  }

  @Test func valuesAreSetReadListedAndRemoved() throws {
    try withMount { store in
      let path = store.path("a")
      try writeFile(path, "")
      #expect(set(path, "user.one", Array("1".utf8)) == 0)
      #expect(set(path, "user.empty", []) == 0)
      #expect(set(path, "trusted.two", noise(10_000)) == 0)
      try #expect(get(path, "user.one") == Array("1".utf8))
      try #expect(get(path, "user.empty") == [])
      try #expect(get(path, "trusted.two") == noise(10_000))
      var list = [CChar](repeating: 0, count: 1000)
      let count = try check(call_list_attributes(path, &list, list.count), "listxattr", path)
      #expect(count == call_list_attributes(path, nil, 0))
      let names = list[..<count].split(separator: 0).map { String(decoding: $0.map(UInt8.init), as: UTF8.self) }
      #expect(Set(names) == ["user.one", "user.empty", "trusted.two"])
      #expect(call_remove_attribute(path, "user.one") == 0)
      #expect(errorCode { call_remove_attribute(path, "user.one") } == ENODATA)
    }
  }

  @Test func sizesAreAskedForAndChecked() throws {
    try withMount { store in
      let path = store.path("a")
      try writeFile(path, "")
      #expect(set(path, "user.x", noise(100)) == 0)
      #expect(call_get_attribute(path, "user.x", nil, 0) == 100)
      var small = [UInt8](repeating: 0, count: 99)
      #expect(errorCode { call_get_attribute(path, "user.x", &small, small.count) } == ERANGE)
      var list = [CChar](repeating: 0, count: 3)
      #expect(errorCode { call_list_attributes(path, &list, list.count) } == ERANGE)
      #expect(errorCode { call_get_attribute(path, "user.none", nil, 0) } == ENODATA)
    }
  }

  @Test func creatingAndReplacingAreToldApart() throws {
    try withMount { store in
      let path = store.path("a")
      try writeFile(path, "")
      #expect(set(path, "user.x", [1], CALL_XATTR_REPLACE) == ENODATA)
      #expect(set(path, "user.x", [1], CALL_XATTR_CREATE) == 0)
      #expect(set(path, "user.x", [2], CALL_XATTR_CREATE) == EEXIST)
      #expect(set(path, "user.x", [3], CALL_XATTR_REPLACE) == 0)
      try #expect(get(path, "user.x") == [3])
    }
  }

  @Test func aCapabilityIsLostWhenTheFileIsWritten() throws {
    try withMount { store in
      let path = store.path("a")
      try writeFile(path, "program")
      // Revision 2 of struct vfs_cap_data with CAP_NET_RAW permitted and effective.
      let capability: [UInt8] = [1, 0, 0, 2, 0, 32, 0, 0] + [UInt8](repeating: 0, count: 12)
      #expect(set(path, "security.capability", capability) == 0)
      try #expect(get(path, "security.capability") == capability)
      try withFile(path, O_WRONLY) { try writeAll($0, [1], at: 0) }
      #expect(errorCode { call_get_attribute(path, "security.capability", nil, 0) } == ENODATA)
    }
  }

  @Test func anACLGrantsAndDenies() throws {
    try withMount { store in
      let path = store.path("a")
      try writeFile(path, "x")
      #expect(chmod(path, 0o600) == 0)
      let read: @Sendable () -> Int32 = { openError(path, O_RDONLY) }
      #expect(asUser(1000, read) == EACCES)
      try shell("setfacl -m u:1000:r \(path)")
      #expect(asUser(1000, read) == 0)
      #expect(asUser(1001, read) == EACCES)
      try #expect(permissions(path) == 0o640)
      try #expect(shell("getfacl -npc \(path)").contains("user:1000:r--\n"))
      // Changing the mode changes the mask.
      #expect(chmod(path, 0o600) == 0)
      try #expect(shell("getfacl -npc \(path)").contains("mask::---\n"))
      #expect(asUser(1000, read) == EACCES)
      try shell("setfacl -b \(path)")
      #expect(errorCode { call_get_attribute(path, "system.posix_acl_access", nil, 0) } == ENODATA)
    }
  }

  @Test func anACLThatSaysNoMoreThanTheModeIsOnlyTheMode() throws {
    try withMount { store in
      let path = store.path("a")
      try writeFile(path, "x")
      try shell("setfacl --set u::rwx,g::rx,o::- \(path)")
      try #expect(permissions(path) == 0o750)
      #expect(errorCode { call_get_attribute(path, "system.posix_acl_access", nil, 0) } == ENODATA)
    }
  }

  @Test func aDefaultACLIsInheritedInPlaceOfTheUmask() throws {
    try withMount { store in
      let directory = store.path("d")
      #expect(mkdir(directory, 0o755) == 0)
      try shell("setfacl -d -m u:1000:rwx,g::rwx,o::rx \(directory)")
      try shell("umask 077; touch \(directory)/f; mkdir \(directory)/e")
      try #expect(permissions(directory + "/f") == 0o664)
      try #expect(permissions(directory + "/e") == 0o775)
      try #expect(shell("getfacl -npc \(directory)/f").contains("user:1000:rwx\t#effective:rw-\n"))
      try #expect(shell("getfacl -npc \(directory)/e").contains("default:user:1000:rwx\n"))
      try shell("umask 027; touch \(store.path("plain"))")
      try #expect(permissions(store.path("plain")) == 0o640)
    }
  }
}
