"""Run steps: the only writer of `step.yaml` and of manifests.

For the command line:

    step(stage, out, host, say=print) -> Manifest | None           # one stage: lock, step.yaml, run, manifest
    recipe(loaded, host_file=None, start=None, only=None, redo=(), launcher=None, say=print)
        # `start` is --from; launcher None takes the host file's `launch`, else a child process for each step
        # a stale step, a failed step or an interruption raise UserError with the command that goes on
"""
