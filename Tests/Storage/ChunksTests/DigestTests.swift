import Testing

@testable import Chunks

private func digest(_ text: String) -> Digest { Array(text.utf8).withUnsafeBytes { Digest(of: $0) } }

@Suite struct DigestTests {
  @Test func digestsOrderAsTheirBytesDo() {
    #expect(Digest(words: (1, 0, 0, 0)) < Digest(words: (2, 0, 0, 0)))
  }

  // From FIPS 180-4's examples.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func aDigestIsTheSHA256(text: String, expected: String) {
    #expect(digest(text).hexadecimal == expected)
  }

  @Test func hexadecimalDigitsOfEitherCaseAreReadBack() {
    let abc = digest("abc")
    #expect(Digest(hexadecimal: abc.hexadecimal) == abc)
    #expect(Digest(hexadecimal: abc.hexadecimal.uppercased()) == abc)
  }

  @Test func whatIsNoDigestInHexadecimalIsRefused() {
    let text = digest("abc").hexadecimal
    #expect(Digest(hexadecimal: "") == nil)
    #expect(Digest(hexadecimal: String(text.dropLast())) == nil)
    #expect(Digest(hexadecimal: text + "0") == nil)
    #expect(Digest(hexadecimal: "g" + text.dropFirst()) == nil)
    #expect(Digest(hexadecimal: "+" + text.dropFirst()) == nil)
  }
}
