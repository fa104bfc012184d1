from pathlib import Path

import pytest
import torch

from anyglot.hub.translation import AnyglotForConditionalGeneration
from anyglot.models.build import build_encoder_decoder
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.initialize import initialise_fairseq
from anyglot.models.store import save_model
from support.hub_builders import copies, model_config


@pytest.fixture(scope="session")
def copier() -> EncoderDecoder:
    """A model that half learnt to copy: its translations end, and each sentence has its own."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = build_encoder_decoder(model_config())
    initialise_fairseq(network)
    shell = AnyglotForConditionalGeneration.around(network.train())
    optimizer = torch.optim.Adam(shell.parameters(), lr=4e-3)
    for step in range(250):
        loss = shell(**copies([3 + place % 8 for place in range(32)], seed=step)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


@pytest.fixture(scope="session")
def copier_folder(copier: EncoderDecoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "copier"
    save_model(copier, folder)
    return folder
