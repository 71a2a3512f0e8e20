"""A recipe: a graph of steps, checked whole before the first one runs.

For the command line:

    recipe = load(path, sets=("base.train.lr=2e-4",), out=None)   # ConfigError with every problem, exit code 2
    recipe.name, recipe.file, recipe.out, recipe.steps            # steps in an order that can run
    for item in plan(recipe):                                     # PlannedStep
        item.step.name, item.step.path                            # "base", "pretrain/mmdit"
        item.step.stage, item.step.folder, item.step.facts        # facts: parameters, flops, image_tokens, … where known
        item.step.sources                                         # {field: ("latents", "runs/other/vae")}: what the recipe names
        item.state                                                # "done" | "partial" | "new" | "stale"
        item.reasons                                              # why stale: ("train.lr: 0.001 -> 0.0002",)
        item.waits                                                # not done inputs that decide whether a made step still holds
    stage = load_step(stage_path, file, sets=())                  # `seedream pretrain mmdit --config step.yaml --set k=v`
"""
