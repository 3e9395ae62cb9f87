/// The tables of the catalog and what each column means: the store's data dictionary.
enum Schema {
  /// Of the tables below. A store of a newer version is refused; an older one will be brought up to
  /// date here once there is one.
  static let version: Int64 = 1
  /// "Cair" in ASCII: tells a catalog from any other SQLite file.
  static let applicationID: Int64 = 0x4361_6972

  /// Integers that are unsigned in Cairn are stored with the same bits, so those above `Int64.max`
  /// look negative here. Times are nanoseconds since 1970. Names, paths and targets are raw bytes.
  static let tables = """
    -- Numbers about the store as a whole.
    CREATE TABLE meta (
      key TEXT PRIMARY KEY,               -- applied_sequence: the last operation of the journal that is contained here
                                          -- next_inode, next_volume, next_layer, next_chunk, next_pack: never given out
                                          -- live_chunks, unique_bytes, stored_bytes: sums over chunks with refs > 0
      value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- Volumes: file-system trees with an owner, a quota and a policy.
    CREATE TABLE volume (
      id INTEGER PRIMARY KEY,             -- never used twice; 0 is the skeleton
      kind TEXT NOT NULL,                 -- skeleton, persistent, workspace, artifact, model
      path BLOB,                          -- where it appears under the mount, no leading slash; NULL: nowhere;
                                          -- empty: nowhere, being brought in, removed if that is not finished
      layer INTEGER NOT NULL,             -- the top of its stack of layers, which it writes to
      root INTEGER NOT NULL,              -- the inode of its root directory
      sealed INTEGER NOT NULL,            -- 1: nothing in it changes any more
      quota_bytes INTEGER NOT NULL,       -- 0: no limit
      quota_inodes INTEGER NOT NULL,      -- 0: no limit
      used_bytes INTEGER NOT NULL,        -- bytes in its files, holes left out
      used_inodes INTEGER NOT NULL,
      created INTEGER NOT NULL,           -- time
      source INTEGER NOT NULL             -- the volume that it began as a snapshot or clone of; 0: none
    ) STRICT;

    -- Layers. A volume sees a stack of them; the row found first, from the top, wins.
    CREATE TABLE layer (
      id INTEGER PRIMARY KEY,             -- never used twice
      parent INTEGER,                     -- the layer below; NULL: none
      dead INTEGER NOT NULL DEFAULT 0     -- 1: no volume sees it, its rows are being removed
    ) STRICT;

    -- Inodes.
    CREATE TABLE inode (
      layer INTEGER NOT NULL,
      ino INTEGER NOT NULL,               -- never used twice in the store
      mode INTEGER NOT NULL,              -- as in st_mode; 0: deleted here, whatever lies below
      uid INTEGER NOT NULL,
      gid INTEGER NOT NULL,
      link_count INTEGER NOT NULL,        -- names that lead here; 0: unlinked, and the kernel may still use it
      device INTEGER NOT NULL,            -- of a device node, as in st_rdev
      size INTEGER NOT NULL,              -- bytes
      allocated INTEGER NOT NULL,         -- bytes that are not holes
      accessed INTEGER NOT NULL,          -- time
      modified INTEGER NOT NULL,          -- time
      changed INTEGER NOT NULL,           -- time
      born INTEGER NOT NULL,              -- time
      parent INTEGER NOT NULL,            -- the directory it was last linked in: a hint, exact for directories
      target BLOB NOT NULL,               -- of a symbolic link: what it points to
      PRIMARY KEY (layer, ino)
    ) STRICT, WITHOUT ROWID;
    -- What the mount has to clean up after a crash.
    CREATE INDEX inode_unlinked ON inode (layer, ino) WHERE link_count = 0 AND mode <> 0;

    -- Names in directories.
    CREATE TABLE dirent (
      layer INTEGER NOT NULL,
      parent INTEGER NOT NULL,            -- the inode of the directory
      cookie INTEGER NOT NULL,            -- a hash of the name times 256, plus a counter for names of one hash
      name BLOB NOT NULL,                 -- kept in a removal too: the name takes this cookie when it comes back
      node INTEGER NOT NULL,              -- inode, or volume times 2^40 plus inode; 0: removed here, whatever lies below
      type INTEGER NOT NULL,              -- mode & S_IFMT of the inode
      PRIMARY KEY (layer, parent, cookie)
    ) STRICT, WITHOUT ROWID;

    -- Where the content of files is.
    CREATE TABLE extent (
      layer INTEGER NOT NULL,
      ino INTEGER NOT NULL,
      page INTEGER NOT NULL,              -- offset in the file divided by 16 MiB
      map BLOB NOT NULL,                  -- the extents of those 16 MiB, as ExtentCodec writes them; holes are left out
      PRIMARY KEY (layer, ino, page)
    ) STRICT, WITHOUT ROWID;

    -- Extended attributes.
    CREATE TABLE xattr (
      layer INTEGER NOT NULL,
      ino INTEGER NOT NULL,
      name BLOB NOT NULL,
      value BLOB,                         -- NULL: removed here, whatever lies below
      PRIMARY KEY (layer, ino, name)
    ) STRICT, WITHOUT ROWID;

    -- Chunks: pieces of content, each kept once.
    CREATE TABLE chunk (
      id INTEGER PRIMARY KEY,             -- never used twice
      digest BLOB NOT NULL UNIQUE,        -- SHA-256 of the content
      pack INTEGER NOT NULL,
      offset INTEGER NOT NULL,            -- of its record in the pack, bytes
      stored_length INTEGER NOT NULL,     -- of the encoded payload, bytes
      length INTEGER NOT NULL,            -- of the content, bytes
      codec INTEGER NOT NULL,             -- 0 raw, 1 LZ4
      refs INTEGER NOT NULL CHECK (refs >= 0) -- how often maps in extent name it, in all layers
    ) STRICT;
    CREATE INDEX chunk_pack ON chunk (pack, offset);

    -- Packs: files that hold many chunks.
    CREATE TABLE pack (
      id INTEGER PRIMARY KEY,             -- never used twice
      bytes INTEGER NOT NULL,             -- length of the file
      live_bytes INTEGER NOT NULL         -- sum of stored_length over its chunks with refs > 0
    ) STRICT;

    -- Chunks whose record was found damaged or missing. What is written anew never shares them.
    CREATE TABLE quarantine (
      chunk INTEGER PRIMARY KEY,
      found INTEGER NOT NULL,             -- time
      reason TEXT NOT NULL                -- a sentence
    ) STRICT;
    """

  /// Brings a new, empty file to the current version, or checks that an old one has it.
  static func prepare(_ connection: Connection, path: String) throws(CatalogError) {
    let application = try connection.integer("PRAGMA application_id")
    let version = try connection.integer("PRAGMA user_version")
    let isEmpty = try connection.integer("SELECT count(*) FROM sqlite_schema") == 0
    if application == 0, version == 0, isEmpty { return try create(connection) }
    guard application == applicationID else {
      throw CatalogError(.damaged, "open \(path)", "this is an SQLite database, but not a catalog of Cairn")
    }
    guard version <= Self.version else {
      throw CatalogError(
        .newerVersion, "open \(path)", "its schema has version \(version), and this Cairn knows \(Self.version) at most"
      )
    }
    guard version == Self.version else {
      throw CatalogError(.damaged, "open \(path)", "its schema has version \(version), which never existed")
    }
  }

  private static func create(_ connection: Connection) throws(CatalogError) {
    try connection.transaction { () throws(CatalogError) in
      try connection.execute(tables)
      try connection.writeMeta(Counters())
      try connection.writeMeta(ChunkTotals())
      try connection.execute("PRAGMA application_id = \(applicationID); PRAGMA user_version = \(version)")
    }
  }
}
