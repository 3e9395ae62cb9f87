import ControlDatabase

// The wire has types of the same names, and `ControlDatabase.Job` cannot be said, because that module
// has a class of its own name.

typealias PlatformJob = Job
typealias PlatformAttempt = Attempt
typealias PlatformToken = Token
