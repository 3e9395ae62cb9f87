/// The version of this program.
let cairnVersion = "0.1.0"
