"""The tokenizer of the default model, as the text of a `tokenizer.json`."""

from collections.abc import Sequence

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
_FULLWIDTH_TILDE = "\uff5e"
_SHELTER = "\ue000"


def tokenizer_json(pieces: Sequence[tuple[str, float]], unknown: int) -> str:
    """A Unigram tokenizer over (piece, log probability) in order of id; `unknown` is the id of what is in no piece."""
    tokenizer = Tokenizer(models.Unigram(list(pieces), unk_id=unknown))
    tokenizer.normalizer = _normaliser()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    ids = {piece: index for index, (piece, _score) in enumerate(pieces) if piece in _SPECIAL}
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[(piece, ids[piece]) for piece in ("<s>", "</s>")]
    )
    tokenizer.add_special_tokens(list(_SPECIAL))
    tokenizer.enable_padding(pad_id=ids["<pad>"], pad_token="<pad>")  # noqa: S106 - not a secret
    return tokenizer.to_str()


def _normaliser() -> normalizers.Normalizer:
    # The compiled rules the model was trained with are NMT clean-up and NFKC, except that they keep the fullwidth tilde:
    # it waits under a private-use character while NFKC passes.
    return normalizers.Sequence(
        [
            normalizers.Replace(_FULLWIDTH_TILDE, _SHELTER),
            normalizers.Nmt(),
            normalizers.NFKC(),
            normalizers.Replace(_SHELTER, _FULLWIDTH_TILDE),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
