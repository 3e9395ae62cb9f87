import Testing

@testable import cairn

@Suite struct ModelReferenceTests {
  @Test(arguments: [
    ("digits", "digits", String?.none), ("digits:3", "digits", "3"), ("digits@champion", "digits", "champion"),
    ("a b:latest", "a b", "latest"), ("a:b@c", "a", "b@c"),
  ])
  func aReferenceIsANameAndPerhapsAVersion(_ text: String, _ name: String, _ version: String?) {
    let reference = ModelReference(argument: text)
    #expect(reference?.name == name && reference?.version == version)
  }

  @Test(arguments: ["", ":", ":3", "digits:", "@x"]) func whatIsNoReferenceIsRefused(_ text: String) {
    #expect(ModelReference(argument: text) == nil)
  }

  @Test func tagsAreKeysAndValues() throws {
    #expect(try parseTags(["a=1", "b=x=y", "c="]) == ["a": "1", "b": "x=y", "c": ""])
    for text in ["a", "=1", ""] { #expect(throws: (any Error).self) { try parseTags([text]) } }
  }
}
