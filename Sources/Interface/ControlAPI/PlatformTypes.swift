import ControlDatabase
import Experiments
import ModelRepository

// The wire has types of the same names, and `ControlDatabase.Job` cannot be said, because that module
// has a class of its own name; and so with `ModelRepository.ModelVersion`.

typealias PlatformJob = Job
typealias PlatformAttempt = Attempt
typealias PlatformSecret = Secret
typealias PlatformToken = Token
typealias PlatformModelVersion = ModelVersion
typealias PlatformNewModelVersion = NewModelVersion
typealias PlatformNotebook = Notebook
typealias PlatformNotebookSnapshot = NotebookSnapshot
typealias PlatformExperiment = Experiment
