import FoundationEssentials
import HTTPService
import ModelRepository
import Tracker
import Webhooks
import Wire

// Webhooks of the registry, as MLflow's client makes them.
extension MLflowAPI {
  func addWebhookEndpoints(to endpoints: inout Endpoints) {
    let one = "mlflow/webhooks/{webhook}"
    endpoints.add("POST", path: "mlflow/webhooks") { call in
      var request = try call.webhookRequest()
      request.name = try call.parameters.requiredText("name")
      request.url = try call.parameters.requiredText("url")
      guard request.events != nil else { throw call.parameters.missing("events") }
      return call.answer(try await webhooks.create(request, in: call.project.project))
    }
    endpoints.add("GET", path: "mlflow/webhooks", listWebhooks)
    endpoints.add("GET", path: one) { call in
      call.answer(try await webhooks.webhook(call.component("webhook"), in: call.project.project))
    }
    endpoints.add("PATCH", path: one) { call in
      call.answer(
        try await webhooks.update(call.component("webhook"), call.webhookRequest(), in: call.project.project))
    }
    endpoints.add("DELETE", path: one) { call in
      try await webhooks.delete(call.component("webhook"), in: call.project.project)
      return .done
    }
    endpoints.add("POST", path: one + "/test") { call in
      let event = try call.parameters.value("event") == nil ? nil : try call.parameters.object("event").webhookEvent()
      let result = try await webhooks.test(call.component("webhook"), event, in: call.project.project)
      return .object { answer in
        answer.object("result") {
          $0.field("success", result.succeeded)
          if let status = result.status { $0.field("response_status", Int64(status)) }
          if result.status != nil { $0.field("response_body", result.body) }
          if let error = result.error { $0.field("error_message", error) }
        }
      }
    }
  }

  private func listWebhooks(_ call: Call) async throws -> Reply {
    let limit = try call.parameters.count("max_results", in: 1...1000, otherwise: 100)
    let token = try call.parameters.text("page_token")
    guard let after = token.isEmpty ? 0 : Int64(token) else {
      throw MLflowError.invalid(
        "Invalid page token '\(token.prefix(80))': hand back the one that came with the last page.")
    }
    let (found, next) = try await webhooks.webhooks(in: call.project.project, after: after, limit: limit)
    return .object { answer in
      if !found.isEmpty {
        answer.array("webhooks") { list in for webhook in found { list.object { $0.webhook(webhook) } } }
      }
      if let next { answer.field("next_page_token", String(next)) }
    }
  }
}

extension Call {
  fileprivate func webhookRequest() throws -> WebhookRequest {
    var request = WebhookRequest(
      name: try parameters.optionalText("name"), description: try parameters.optionalText("description"),
      url: try parameters.optionalText("url"), secret: try parameters.optionalText("secret"))
    let events = try parameters.objects("events").map { try $0.webhookEvent() }
    if !events.isEmpty { request.events = events }
    if let status = try parameters.optionalText("status") {
      guard let status = Webhook.Status(rawValue: status) else {
        throw MLflowError.invalid("A webhook's status is ACTIVE or DISABLED.")
      }
      request.status = status
    }
    return request
  }

  fileprivate func answer(_ webhook: Webhook) -> Reply {
    .object { answer in answer.object("webhook") { $0.webhook(webhook) } }
  }
}

extension Parameters {
  fileprivate func webhookEvent() throws -> WebhookEvent {
    try WebhookEvent(entity: requiredText("entity"), action: requiredText("action"))
  }
}

extension JSONWriter {
  fileprivate mutating func webhook(_ webhook: Webhook) {
    field("webhook_id", webhook.id)
    field("name", webhook.name)
    if let description = webhook.description { field("description", description) }
    field("url", webhook.url)
    array("events") { list in
      for event in webhook.events {
        list.object {
          $0.field("entity", event.entity.rawValue.uppercased())
          $0.field("action", event.action.rawValue.uppercased())
        }
      }
    }
    field("status", webhook.status.rawValue)
    field("creation_timestamp", webhook.createdAt)
    field("last_updated_timestamp", webhook.updatedAt)
  }
}
