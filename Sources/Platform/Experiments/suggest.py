"""Asks Optuna for the parameters of trials.

Cairn runs it in a container of its own, once for each time that parameters are wanted. Beside it lie `ask.json`, what is
asked and what is known so far; `answer.json`, which it writes; and Optuna's journal, which keeps the study between runs.
Parameters are numbers from 0 to 1, and for a choice the place of the value in the list: what they mean is Cairn's affair.
"""

import json
import os
import sys

os.chdir(os.path.dirname(os.path.abspath(__file__)))

try:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
except ImportError as error:
    print(f"this Python ({sys.executable}) has no Optuna 4 or newer ({error}): pip install 'optuna>=4'", file=sys.stderr)
    sys.exit(3)

with open("ask.json") as file:
    ask = json.load(file)

# Optuna asks for these when it first needs them: then a sweep would have run half-way.
lacking = []
for package in {"cmaes": ["cmaes"], "gp": ["scipy", "torch"]}.get(ask["sampler"], []):
    try:
        __import__(package)
    except ImportError:
        lacking.append(package)
if lacking:
    print(f"Optuna's sampler {ask['sampler']} needs what this Python ({sys.executable}) has not:"
          f" pip install {' '.join(lacking)}", file=sys.stderr)
    sys.exit(3)

optuna.logging.set_verbosity(optuna.logging.WARNING)
# Each run draws other numbers, and a run that is repeated the same ones.
seed = (ask["seed"] + ask["trials"][0]) % 2**32
startup = ask["startupTrials"]
if ask["sampler"] == "tpe":
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup, constant_liar=True)
elif ask["sampler"] == "cmaes":
    sampler = optuna.samplers.CmaEsSampler(seed=seed, n_startup_trials=startup, warn_independent_sampling=False)
else:
    sampler = optuna.samplers.GPSampler(seed=seed, n_startup_trials=startup)
study = optuna.create_study(
    storage=JournalStorage(JournalFileBackend("study.journal")), study_name="sweep", load_if_exists=True,
    direction=ask["goal"], sampler=sampler)
space = {
    name: optuna.distributions.CategoricalDistribution(list(range(choices)))
    if choices else optuna.distributions.FloatDistribution(0.0, 1.0)
    for name, choices in ask["space"]
}

# A study counts its trials itself; which of Cairn's each is, it keeps with it.
known = {trial.user_attrs["cairn"]: trial for trial in study.get_trials() if "cairn" in trial.user_attrs}
for told in ask["told"]:
    trial = known.get(told["trial"])
    if trial is None or trial.state.is_finished():
        continue
    if told["outcome"] == "succeeded" and told.get("value") is not None:
        study.tell(trial.number, told["value"])
    elif told.get("value") is not None:
        optuna.trial.Trial(study, trial._trial_id).report(told["value"], told.get("time") or 0)
        study.tell(trial.number, state=optuna.trial.TrialState.PRUNED)
    else:
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)

answers = []
for number in ask["trials"]:
    trial = known.get(number)
    if trial is None or len(trial.params) < len(space):
        trial = study.ask(space)
        trial.set_user_attr("cairn", number)
    answers.append({"trial": number, "point": [trial.params[name] for name, _ in ask["space"]]})

with open("answer.json.new", "w") as file:
    json.dump(answers, file)
os.rename("answer.json.new", "answer.json")
