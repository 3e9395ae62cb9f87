import Testing
import Wire

@testable import MLflowAPI

@Suite struct ParametersTests {
  private func parameters(_ text: String) throws -> Parameters {
    guard case .object(let object) = try JSONValue(parsing: Array(text.utf8)) else { fatalError("not an object") }
    return Parameters(object)
  }

  private func message(_ body: () throws -> Any?) -> String? {
    do {
      _ = try body()
      return nil
    } catch {
      return (error as? MLflowError)?.message
    }
  }

  @Test func `names come in either case, and numbers as texts`() throws {
    let fields = try parameters(#"{"runId": "a", "max_results": "12", "step": -3, "value": "NaN", "flag": true}"#)
    #expect(try fields.requiredText("run_id") == "a")
    #expect(try fields.integer("max_results") == 12)
    #expect(try fields.integer("step") == -3)
    #expect(try fields.requiredDouble("value").isNaN)
    #expect(try fields.requiredDouble("step") == -3)
    #expect(try fields.flag("flag") && !fields.flag("nothing"))
    #expect(try fields.text("nothing").isEmpty)
  }

  @Test func `what is wrong is said in MLflow's words`() throws {
    let fields = try parameters(#"{"run_id": 31, "key": "", "metrics": [{"key": "a"}, 5], "a_b": 1, "aB": 2}"#)
    #expect(
      message { try fields.requiredText("run_id") }
        == "Invalid value 31 for parameter 'run_id' supplied:  Hint: Value was of type 'int'. See the API docs for more "
        + "information about request parameters.")
    #expect(
      message { try fields.requiredText("key") }
        == "Missing value for required parameter 'key'. See the API docs for more information about request parameters."
    )
    #expect(message { try fields.objects("metrics") }?.contains("'metrics[1]'") == true)
    let metric = try parameters(#"{"metrics": [{"key": "a"}]}"#).objects("metrics")[0]
    #expect(message { try metric.requiredInteger("timestamp") }?.contains("'metrics[0].timestamp'") == true)
    #expect(message { try fields.integer("a_b") }?.contains("given twice") == true)
  }

  @Test(arguments: [#"{"x": 1.5}"#, #"{"x": "1.5"}"#, #"{"x": true}"#, #"{"x": 1e300}"#, #"{"x": []}"#])
  func `what is no whole number is none`(text: String) throws {
    #expect(throws: MLflowError.self) { try parameters(text).integer("x") }
  }

  @Test func `a number beyond its bounds is refused`() throws {
    let fields = try parameters(#"{"x": 50001, "y": 9223372036854775807}"#)
    #expect(throws: MLflowError.self) { try fields.count("x", in: 1...50_000, otherwise: 1) }
    #expect(try fields.count("y", in: 1...Int.max, otherwise: 1) == .max)
    #expect(try fields.count("z", in: 1...5, otherwise: 4) == 4)
  }
}
