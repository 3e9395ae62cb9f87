import Catalog

/// The numbers of the operations in the journal's format. Never change one; add new ones.
enum OperationType: UInt16 {
  case make = 1
  case link = 2
  case unlink = 3
  case rename = 4
  case setAttributes = 5
  case writeInline = 6
  case writeStaged = 7
  case allocate = 8
  case copyRange = 9
  case setExtendedAttribute = 10
  case release = 11
  case assemble = 12
  case createVolume = 13
  case branchVolume = 14
  case sealVolume = 15
  case setQuota = 16
  case removeVolume = 17
  case placeVolume = 18
}

extension Operation {
  var type: OperationType {
    switch self {
    case .make: .make
    case .link: .link
    case .unlink: .unlink
    case .rename: .rename
    case .setAttributes: .setAttributes
    case .write(let write):
      if case .inline = write.source { .writeInline } else { .writeStaged }
    case .allocate: .allocate
    case .copyRange: .copyRange
    case .setExtendedAttribute: .setExtendedAttribute
    case .release: .release
    case .assemble: .assemble
    case .createVolume: .createVolume
    case .branchVolume: .branchVolume
    case .sealVolume: .sealVolume
    case .setQuota: .setQuota
    case .removeVolume: .removeVolume
    case .placeVolume: .placeVolume
    }
  }

  /// Appends the payload. Of an inline write the bytes themselves follow, appended by the journal.
  func encode(into writer: inout ByteWriter) {
    switch self {
    case .make(let make): make.encode(into: &writer)
    case .link(let node, let parent, let name, let time):
      writer.integer(node.rawValue)
      writer.integer(parent.rawValue)
      writer.blob(name)
      writer.integer(time)
    case .unlink(let parent, let name, let time):
      writer.integer(parent.rawValue)
      writer.blob(name)
      writer.integer(time)
    case .rename(let rename):
      writer.integer(rename.parent.rawValue)
      writer.blob(rename.name)
      writer.integer(rename.newParent.rawValue)
      writer.blob(rename.newName)
      writer.integer(UInt8(rename.exchange ? 1 : 0))
      writer.integer(rename.whiteout)
      writer.integer(rename.time)
    case .setAttributes(let change):
      writer.integer(change.node.rawValue)
      writer.optional(change.mode)
      writer.optional(change.uid)
      writer.optional(change.gid)
      writer.optional(change.size)
      writer.optional(change.accessed)
      writer.optional(change.modified)
      writer.integer(change.changed)
      writer.integer(UInt8(change.dropsCapability ? 1 : 0))
    case .write(let write):
      writer.integer(write.node.rawValue)
      writer.integer(write.offset)
      writer.integer(write.length)
      writer.integer(write.time)
      writer.optional(write.mode)
      writer.integer(UInt8(write.dropsCapability ? 1 : 0))
      if case .staged(let location, let checksum) = write.source {
        writer.integer(location.segment)
        writer.integer(location.offset)
        writer.integer(checksum)
      }
    case .allocate(let node, let kind, let offset, let length, let time):
      writer.integer(node.rawValue)
      writer.integer(kind.rawValue)
      writer.integer(offset)
      writer.integer(length)
      writer.integer(time)
    case .copyRange(let copy):
      writer.integer(copy.source.rawValue)
      writer.integer(copy.sourceOffset)
      writer.integer(copy.destination.rawValue)
      writer.integer(copy.destinationOffset)
      writer.integer(copy.length)
      writer.optional(copy.mode)
      writer.integer(UInt8(copy.dropsCapability ? 1 : 0))
      writer.integer(copy.time)
    case .setExtendedAttribute(let node, let name, let value, let mode, let time):
      writer.integer(node.rawValue)
      writer.blob(name)
      writer.integer(UInt8(value == nil ? 0 : 1))
      writer.blob(value ?? [])
      writer.optional(mode)
      writer.integer(time)
    case .release(let node): writer.integer(node.rawValue)
    case .assemble(let node, let chunks, let time):
      writer.integer(node.rawValue)
      writer.integer(time)
      writer.integer(UInt32(chunks.count))
      for chunk in chunks {
        writer.integer(chunk.chunk)
        writer.integer(chunk.length)
      }
    case .createVolume(let volume, let root):
      volume.encode(into: &writer)
      root.encode(into: &writer)
    case .branchVolume(let volume, let source, let sourceLayer):
      volume.encode(into: &writer)
      writer.integer(source)
      writer.integer(sourceLayer)
    case .sealVolume(let volume), .removeVolume(let volume): writer.integer(volume)
    case .setQuota(let volume, let bytes, let inodes):
      writer.integer(volume)
      writer.integer(bytes)
      writer.integer(inodes)
    case .placeVolume(let volume, let path, let time):
      writer.integer(volume)
      writer.path(path)
      writer.integer(time)
    }
  }

  /// Reads a payload. `inlineLocation` gives the place in the log of what follows at an offset in
  /// the payload. Throws on anything that ``encode(into:)`` does not write.
  static func decode(
    _ type: OperationType, _ reader: inout ByteReader, inlineLocation: (Int) -> StagedLocation
  ) throws(ByteReader.Malformed) -> Operation {
    switch type {
    case .make: return .make(try Make(from: &reader))
    case .link:
      return .link(
        node: try reader.node(), parent: try reader.node(), name: try reader.blob(), time: try reader.integer())
    case .unlink:
      return .unlink(parent: try reader.node(), name: try reader.blob(), time: try reader.integer())
    case .rename:
      return .rename(
        Rename(
          parent: try reader.node(), name: try reader.blob(), newParent: try reader.node(), newName: try reader.blob(),
          exchange: try reader.flag(), whiteout: try reader.integer(), time: try reader.integer()))
    case .setAttributes:
      var change = SetAttributes(node: try reader.node(), changed: 0)
      change.mode = try reader.optional()
      change.uid = try reader.optional()
      change.gid = try reader.optional()
      change.size = try reader.optional()
      change.accessed = try reader.optional()
      change.modified = try reader.optional()
      change.changed = try reader.integer()
      change.dropsCapability = try reader.flag()
      return .setAttributes(change)
    case .writeInline, .writeStaged:
      var write = Write(
        node: try reader.node(), offset: try reader.integer(), length: try reader.integer(), time: try reader.integer(),
        mode: try reader.optional(), dropsCapability: try reader.flag(),
        source: .inline(location: StagedLocation(segment: 0, offset: 0)))
      if type == .writeInline {
        write.source = .inline(location: inlineLocation(reader.offset))
        guard reader.bytes.count - reader.offset >= Int(write.length) else { throw ByteReader.Malformed() }
        reader.offset += Int(write.length)
      } else {
        let location = StagedLocation(segment: try reader.integer(), offset: try reader.integer())
        write.source = .staged(location: location, checksum: try reader.integer())
      }
      return .write(write)
    case .allocate:
      let node = try reader.node()
      guard let kind = AllocationKind(rawValue: try reader.integer()) else { throw ByteReader.Malformed() }
      return .allocate(
        node: node, kind: kind, offset: try reader.integer(), length: try reader.integer(), time: try reader.integer())
    case .copyRange:
      return .copyRange(
        CopyRange(
          source: try reader.node(), sourceOffset: try reader.integer(), destination: try reader.node(),
          destinationOffset: try reader.integer(), length: try reader.integer(), mode: try reader.optional(),
          dropsCapability: try reader.flag(), time: try reader.integer()))
    case .setExtendedAttribute:
      let node = try reader.node()
      let name = try reader.blob()
      let isSet = try reader.flag()
      let value = try reader.blob()
      return .setExtendedAttribute(
        node: node, name: name, value: isSet ? value : nil, mode: try reader.optional(), time: try reader.integer())
    case .release: return .release(node: try reader.node())
    case .assemble:
      let node = try reader.node()
      let time = try reader.integer(Int64.self)
      let count = Int(try reader.integer(UInt32.self))
      guard count <= (reader.bytes.count - reader.offset) / 12 else { throw ByteReader.Malformed() }
      var chunks: [AssembledChunk] = []
      chunks.reserveCapacity(count)
      for _ in 0..<count {
        chunks.append(AssembledChunk(chunk: try reader.integer(), length: try reader.integer()))
      }
      return .assemble(node: node, chunks: chunks, time: time)
    case .createVolume:
      return .createVolume(volume: try VolumeRow(from: &reader), root: try Make(from: &reader))
    case .branchVolume:
      return .branchVolume(
        volume: try VolumeRow(from: &reader), source: try reader.integer(), sourceLayer: try reader.integer())
    case .sealVolume: return .sealVolume(try reader.integer())
    case .setQuota:
      return .setQuota(try reader.integer(), bytes: try reader.integer(), inodes: try reader.integer())
    case .removeVolume: return .removeVolume(try reader.integer())
    case .placeVolume:
      return .placeVolume(try reader.integer(), path: try reader.path(), time: try reader.integer())
    }
  }
}

extension ByteWriter {
  /// Where a volume appears; nil: nowhere.
  fileprivate mutating func path(_ path: [UInt8]?) {
    integer(UInt8(path == nil ? 0 : 1))
    blob(path ?? [])
  }
}

extension ByteReader {
  fileprivate mutating func path() throws(Malformed) -> [UInt8]? {
    let hasPath = try flag()
    let path = try blob()
    return hasPath ? path : nil
  }

  mutating func node() throws(Malformed) -> NodeID { NodeID(rawValue: try integer()) }

  mutating func flag() throws(Malformed) -> Bool {
    switch try integer(UInt8.self) {
    case 0: false
    case 1: true
    default: throw Malformed()
    }
  }
}

extension Operation.Make {
  func encode(into writer: inout ByteWriter) {
    writer.integer(parent.rawValue)
    writer.blob(name)
    writer.integer(node.rawValue)
    writer.integer(mode)
    writer.integer(uid)
    writer.integer(gid)
    writer.integer(device)
    writer.blob(target)
    writer.integer(time)
    writer.integer(UInt32(extendedAttributes.count))
    for attribute in extendedAttributes {
      writer.blob(attribute.name)
      writer.blob(attribute.value)
    }
  }

  init(from reader: inout ByteReader) throws(ByteReader.Malformed) {
    self.init(
      parent: try reader.node(), name: try reader.blob(), node: try reader.node(), mode: try reader.integer(),
      uid: try reader.integer(), gid: try reader.integer(), device: try reader.integer(), target: try reader.blob(),
      time: try reader.integer())
    let count = try reader.integer(UInt32.self)
    guard count <= 64 else { throw ByteReader.Malformed() }
    for _ in 0..<count {
      extendedAttributes.append(Operation.ExtendedAttribute(name: try reader.blob(), value: try reader.blob()))
    }
  }
}

extension VolumeRow {
  func encode(into writer: inout ByteWriter) {
    writer.integer(id)
    writer.blob([UInt8](kind.rawValue.utf8))
    writer.path(path)
    writer.integer(layer)
    writer.integer(root)
    writer.integer(UInt8(sealed ? 1 : 0))
    writer.integer(quotaBytes)
    writer.integer(quotaInodes)
    writer.integer(usedBytes)
    writer.integer(usedInodes)
    writer.integer(created)
    writer.integer(source)
  }

  init(from reader: inout ByteReader) throws(ByteReader.Malformed) {
    let id: VolumeID = try reader.integer()
    guard let kind = VolumeKind(rawValue: String(decoding: try reader.blob(), as: UTF8.self)) else {
      throw ByteReader.Malformed()
    }
    self.init(
      id: id, kind: kind, path: try reader.path(), layer: try reader.integer(), root: try reader.integer(),
      sealed: try reader.flag(), quotaBytes: try reader.integer(), quotaInodes: try reader.integer(),
      usedBytes: try reader.integer(), usedInodes: try reader.integer(), created: try reader.integer(),
      source: try reader.integer())
  }
}
