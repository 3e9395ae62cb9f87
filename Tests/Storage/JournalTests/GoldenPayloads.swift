/// The payload of each of the samples, in hexadecimal.
let goldenPayloads: [String: String] = [:]
