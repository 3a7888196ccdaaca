"""The bare ONNX runtime in a process of its own: tokenise, run, pool by mean, normalise, and nothing else.

Run as a module it reads one JSON order a line and answers one JSON line, until its input ends.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from time import perf_counter, process_time
from types import TracebackType
from typing import IO, Any, Self

from mcserver.bench.cost import Cost
from mcserver.bench.processes import ProgramError, environment, module

BATCHES = (4, 8, 16, 32, 64)
"""Batch sizes tried to find the runtime's best."""

PASSES = 3


class Runtime:
    """A model folder opened with onnxruntime and tokenizers alone: `threads` batches side by side, each computed by one thread.

    That is the server's own layout, and the runtime's best: a batch shared by two threads takes 0.7 of its time on one, not a half.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        import onnxruntime  # noqa: PLC0415 - heavy, and wanted in the child only
        from tokenizers import Tokenizer  # noqa: PLC0415

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._pool = ThreadPoolExecutor(threads)
        self._session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
        self._inputs = {item.name for item in self._session.get_inputs()}
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._pad = self._tokenizer.padding["pad_id"] if self._tokenizer.padding else 0
        self._tokenizer.no_padding()
        self._prefix: str = json.loads((folder / "config.json").read_text(encoding="utf-8"))["prefix"]

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text."""
        return [item.ids for item in self._tokenizer.encode_batch_fast([self._prefix + text for text in texts])]

    def embed(self, tokens: Sequence[Sequence[int]]) -> Any:
        """float32 [n, d], unit length, of one batch of token ids."""
        import numpy as np  # noqa: PLC0415

        width = max(map(len, tokens))
        ids = np.array([[*row, *[self._pad] * (width - len(row))] for row in tokens], np.int64)
        mask = np.array([[1] * len(row) + [0] * (width - len(row)) for row in tokens], np.int64)
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(mask)}
        states = self._session.run(None, {name: value for name, value in feed.items() if name in self._inputs})[0]
        weight = mask[:, :, None].astype(np.float32)
        pooled = (states * weight).sum(1)  # the length of the sum goes with the next line, so a mean would change nothing
        return pooled / np.linalg.norm(pooled, axis=1, keepdims=True)

    def embed_all(self, texts: Sequence[str], batch: int) -> tuple[float, float]:
        """Embed all texts in batches of similar length; (seconds, seconds of processor time)."""
        started, used = perf_counter(), process_time()
        tokens = sorted(self.tokenize(texts), key=len)
        list(self._pool.map(self.embed, [tokens[first : first + batch] for first in range(0, len(tokens), batch)]))
        return perf_counter() - started, process_time() - used

    def embed_each(self, texts: Sequence[str]) -> tuple[list[float], float]:
        """Embed every text alone, in the order given; (seconds of each, tokenisation included, seconds of processor time)."""
        seconds, used = [], process_time()
        for text in texts:
            started = perf_counter()
            self.embed(self.tokenize([text]))
            seconds.append(perf_counter() - started)
        return seconds, process_time() - used


def serve(runtime: Runtime, orders: Iterable[str], answers: IO[str]) -> None:
    """Time what each order line asks for: {"texts": [...], "batch": n} -> as embed_all; with batch null as embed_each."""
    for line in orders:
        order = json.loads(line)
        texts, batch = order["texts"], order["batch"]
        answer = runtime.embed_each(texts) if batch is None else runtime.embed_all(texts, batch)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


class RuntimeProcess:
    """A Runtime in a child process, as a context. It ends when its input is closed, so also when this process dies."""

    def __init__(self, folder: Path, threads: int) -> None:
        self._command = module("mcserver.bench.runtime", "--model", str(folder), "--threads", str(threads))
        self._process: subprocess.Popen[str]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603 - our own command line
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment(),
            start_new_session=True,
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with suppress(BrokenPipeError):  # of an order that it did not live to read
                    pipe.close()

    def batches(self, texts: Sequence[str], *, batch: int) -> Cost:
        """Embed all texts in batches of this size."""
        seconds, processor = self._order(texts, batch)
        return Cost(len(texts), float(seconds), float(processor))

    def one_by_one(self, texts: Sequence[str]) -> Cost:
        """One forward pass of each text alone, tokenisation included."""
        each, processor = self._order(texts, None)
        return Cost(len(texts), sum(each), float(processor), tuple(map(float, each)))

    def fastest(self, texts: Sequence[str], batches: Sequence[int]) -> Cost:
        """As `batches`, in whichever of these sizes is the fastest."""
        return min((self.batches(texts, batch=batch) for batch in batches), key=lambda cost: cost.seconds)

    def best_batches(self, texts: Sequence[str]) -> tuple[int, ...]:
        """The two batch sizes that embed these texts fastest, by the best of several passes in turns.

        Two, because on a machine that others use one pass more or less decides between neighbours.
        """
        self.batches(texts[:8], batch=8)  # the first run of a session allocates
        passes = [{batch: self.batches(texts, batch=batch).seconds for batch in BATCHES} for _ in range(PASSES)]
        return tuple(sorted(BATCHES, key=lambda batch: min(each[batch] for each in passes))[:2])

    def _order(self, texts: Sequence[str], batch: int | None) -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None  # noqa: S101, PT018 - both are pipes
        try:
            stdin.write(json.dumps({"texts": list(texts), "batch": batch}) + "\n")
            stdin.flush()
            line = stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise ProgramError(f"the bare runtime ended: {' '.join(self._command)}")
        return json.loads(line)


def beside(batches: Sequence[int]) -> str:
    """What the table calls it."""
    return f"bare runtime, batches of {' or '.join(map(str, sorted(batches)))}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve orders from standard input."""
    parser = argparse.ArgumentParser(description="Time the bare ONNX runtime on texts given as JSON lines.")
    parser.add_argument("--model", type=Path, required=True, help="folder with model.onnx and tokenizer.json")
    parser.add_argument("--threads", type=int, required=True, help="batches computed side by side")
    chosen = parser.parse_args(arguments)
    serve(Runtime(chosen.model, chosen.threads), sys.stdin, sys.stdout)


if __name__ == "__main__":
    main()
