/// The version of this Cairn, by https://semver.org.
public let cairnVersion = "0.1.0"
