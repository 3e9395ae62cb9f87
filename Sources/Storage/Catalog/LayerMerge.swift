/// Merges sorted rows of several layers, where the topmost row of a key hides those below it. Keys
/// are below 2^63, as SQLite's integers are.
struct LayerMerge<Value> {
  /// Where the merge stands in one layer.
  struct Cursor {
    let layer: LayerID
    /// The lowest key that was not read from the layer yet.
    private(set) var next: UInt64
    private var rows: ArraySlice<Value> = []
    private var isEnd = false

    init(layer: LayerID, next: UInt64) {
      self.layer = layer
      self.next = next
    }

    var needsRows: Bool { rows.isEmpty && !isEnd }
    var first: Value? { rows.first }

    mutating func refill(_ rows: [Value], isEnd: Bool, key: (Value) -> UInt64) {
      self.rows = rows[...]
      self.isEnd = isEnd
      guard let last = rows.last else { return }
      // No key can follow the largest; the number after it would be stored as the smallest.
      if key(last) >= UInt64(Int64.max) { self.isEnd = true } else { next = key(last) + 1 }
    }

    mutating func skip() { rows.removeFirst() }
  }

  private let limit: Int
  private(set) var values: [Value] = []

  init(limit: Int) { self.limit = limit }

  /// Takes values until a layer needs rows (answers false) or the merge is complete (true). The
  /// layers are given with the top first.
  mutating func advance(_ layers: inout [Cursor], key: (Value) -> UInt64, isRemoval: (Value) -> Bool) -> Bool {
    while values.count < limit {
      var top: Value?
      for layer in layers {
        if layer.needsRows { return false }
        guard let candidate = layer.first else { continue }
        if let chosen = top, key(chosen) <= key(candidate) { continue }
        top = candidate
      }
      guard let top else { return true }
      for index in layers.indices {
        if let row = layers[index].first, key(row) == key(top) { layers[index].skip() }
      }
      if !isRemoval(top) { values.append(top) }
    }
    return true
  }
}
