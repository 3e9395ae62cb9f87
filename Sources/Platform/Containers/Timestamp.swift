/// Nanoseconds since 1970 of an RFC 3339 time such as `2026-11-23T07:18:57.783099596+01:00`; nil: it is none.
public func parseTimestamp(_ bytes: ArraySlice<UInt8>) -> Int64? {
  let text = Array(bytes)
  func number(_ range: Range<Int>) -> Int64? {
    guard range.upperBound <= text.count else { return nil }
    var value: Int64 = 0
    for byte in text[range] {
      guard byte >= 48, byte <= 57 else { return nil }
      value = value * 10 + Int64(byte - 48)
    }
    return value
  }
  func character(_ index: Int) -> Character? { index < text.count ? Character(UnicodeScalar(text[index])) : nil }

  guard let year = number(0..<4), character(4) == "-", let month = number(5..<7), character(7) == "-",
    let day = number(8..<10), character(10) == "T", let hour = number(11..<13), character(13) == ":",
    let minute = number(14..<16), character(16) == ":", let second = number(17..<19),
    (1970...2261).contains(year), (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61
  else { return nil }

  var position = 19
  var nanoseconds: Int64 = 0
  if character(position) == "." {
    let digits = text[(position + 1)...].prefix { $0 >= 48 && $0 <= 57 }
    guard (1...9).contains(digits.count), let fraction = number(position + 1..<position + 1 + digits.count) else {
      return nil
    }
    nanoseconds = (digits.count..<9).reduce(fraction) { value, _ in value * 10 }
    position += 1 + digits.count
  }
  var offset: Int64 = 0
  switch character(position) {
  case "Z": position += 1
  case "+", "-":
    guard let hours = number(position + 1..<position + 3), character(position + 3) == ":",
      let minutes = number(position + 4..<position + 6), hours < 24, minutes < 60
    else { return nil }
    offset = (hours * 60 + minutes) * 60 * (character(position) == "+" ? 1 : -1)
    position += 6
  default: return nil
  }
  guard position == text.count else { return nil }

  // Days since 1970 in the proleptic Gregorian calendar, counted in years that begin in March.
  let shifted = month <= 2 ? year - 1 : year
  let era = shifted / 400
  let yearOfEra = shifted - era * 400
  let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
  let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  return (days * 86_400 + hour * 3600 + minute * 60 + second - offset) * 1_000_000_000 + nanoseconds
}
