"""What training changed inside a model: similarity of states, spectra of weights, separability of languages.

| Question | File |
|---|---|
| which sentences are looked at | `samples.py` |
| the states of one model, pooled, at every layer | `states.py` |
| how alike two sets of states are (CKA) | `cka.py`, `similarity.py` |
| how strongly a weight matrix scales (singular values) | `weights.py`, `spectra.py` |
| how easily states are told apart by language | `separability.py` |
| does that go with transfer | `correlation.py` |
| tables, charts and files | `*_report.py`, `reporting/figures.py`, `reporting/latex.py`, `reporting/publishing.py` |
"""
