"""Hostile corpora for the bench: logs that make a template miner work hardest, the same for the same seed.

Each case is a function of (lines, seed) that yields blocks of whole lines; CASES names those that the engine has to
read at half its usual speed or better, TEMPLATES makes logs of a given number of templates. Each block is made when it
is asked for, so that a caller can stop its clock meanwhile.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from itertools import count

BLOCK = 1 << 18
SEED = 11
LETTERS = "abcdefghijklmnopqrstuvwxyz"
LEAF = 10_000  # clusters in the one leaf

Case = Callable[[int, int], Iterator[bytes]]


def blocks(lines: Iterable[str]) -> Iterator[bytes]:
    """Whole lines, newlines added, joined to blocks of about 256 KiB."""
    kept: list[str] = []
    size = 0
    for line in lines:
        kept.append(line)
        size += len(line) + 1
        if size >= BLOCK:
            yield ("\n".join(kept) + "\n").encode()
            kept, size = [], 0
    if kept:
        yield ("\n".join(kept) + "\n").encode()


def word(rng: random.Random) -> str:
    """Six letters: 300 million of them, so that chance repeats are rare."""
    value = rng.getrandbits(30)
    return "".join(LETTERS[(value >> shift & 31) % 26] for shift in range(0, 30, 5))


def sentence(rng: random.Random, size: int) -> str:
    return " ".join(word(rng) for _ in range(size))


def new_templates(lines: int, seed: int = SEED) -> Iterator[bytes]:
    """Every line is a new template: as long as the last, and like no other."""
    rng = random.Random(seed)
    return blocks(sentence(rng, 12) for _ in range(lines))


def new_templates_alike(lines: int, seed: int = SEED) -> Iterator[bytes]:
    """Every line is a new template in the same few leaves, and shares with many others just too few words to match."""
    rng = random.Random(seed)
    common = [[word(rng) for _ in range(8)] for _ in range(4)]

    def line() -> str:
        words = [word(rng) for _ in range(12)]
        for place, choice in enumerate(common):
            words[3 * place] = rng.choice(choice) if place else choice[0]
        return " ".join(words)

    return blocks(line() for _ in range(lines))


def random_words(lines: int, seed: int = SEED) -> Iterator[bytes]:
    """Three to twelve random words."""
    rng = random.Random(seed)
    return blocks(sentence(rng, rng.randint(3, 12)) for _ in range(lines))


def few_words(lines: int, seed: int = SEED) -> Iterator[bytes]:
    """Three to twelve words out of 500: they match now and then, and templates lose their words one by one."""
    rng = random.Random(seed)
    words = [word(rng) for _ in range(500)]
    return blocks(" ".join(rng.choices(words, k=rng.randint(3, 12))) for _ in range(lines))


def rising_token_counts(lines: int, seed: int = SEED) -> Iterator[bytes]:
    """Each line one token longer than the last, up to 600, then from one again; new words throughout."""
    rng = random.Random(seed)
    return blocks(sentence(rng, 1 + number % 600) for number in range(lines))


def one_leaf(lines: int, seed: int = SEED, *, clusters: int = LEAF) -> Iterator[bytes]:
    """First as many lines as clusters, each a new template of the one leaf; then lines of those in random order, each
    with new words at four of its ten places."""
    rng = random.Random(seed)
    templates = [["request", *(word(rng) for _ in range(9))] for _ in range(clusters)]

    def line(number: int) -> str:
        if number < clusters:
            return " ".join(templates[number])
        words = list(rng.choice(templates))
        for place in (2, 4, 6, 8):
            words[place] = word(rng)
        return " ".join(words)

    return blocks(line(number) for number in range(lines))


def churn(lines: int, seed: int = SEED) -> Iterator[bytes]:
    """Nine lines of noise for one of a hundred good templates, which noise evicts unless they come often enough."""
    rng = random.Random(seed)
    good = [sentence(rng, 10) for _ in range(100)]
    return blocks(rng.choice(good) if number % 10 == 0 else sentence(rng, 10) for number in range(lines))


CASES: dict[str, Case] = {
    "every line a new template": new_templates,
    "every line a new template, much alike": new_templates_alike,
    "random words": random_words,
    "few random words": few_words,
    "rising token counts": rising_token_counts,
    "one leaf with 10,000 clusters": one_leaf,
    "noise between good lines": churn,
}


# -- cost by number of templates


def spread(templates: int, lines: int, seed: int = SEED) -> Iterator[bytes]:
    """Realistic: many programs with messages of their own, of 4 to 20 words out of a vocabulary, a few of them numbers.
    Each template comes once before they come at random, the first ones much more often."""
    rng = random.Random(f"{seed} {templates}")
    vocabulary = [word(rng) for _ in range(3000)]
    made = [_message(rng, vocabulary, rng.choice(vocabulary)) for _ in range(templates)]
    return blocks(_lines(rng, made, lines))


def crowded(templates: int, lines: int, seed: int = SEED) -> Iterator[bytes]:
    """The same in few leaves: one first word, messages of 10 to 13 words."""
    rng = random.Random(f"{seed} crowded {templates}")
    vocabulary = [word(rng) for _ in range(3000)]
    made = [_message(rng, vocabulary, "request", low=10, high=13) for _ in range(templates)]
    return blocks(_lines(rng, made, lines))


TEMPLATES: dict[str, Callable[[int, int], Iterator[bytes]]] = {"spread": spread, "crowded": crowded}


def _message(rng: random.Random, vocabulary: list[str], first: str, *, low: int = 4, high: int = 20) -> list[str]:
    """Words, "#" where a number stands and "*" where any word may."""
    size = rng.randint(low, high) - 1
    return [first, *(rng.choices((rng.choice(vocabulary), "#", "*"), (8, 1, 1))[0] for _ in range(size))]


def _lines(rng: random.Random, templates: list[list[str]], lines: int) -> Iterator[str]:
    for number in count():
        if number >= lines:
            return
        at = number if number < len(templates) else int(len(templates) * rng.random() ** 2)
        yield " ".join(_filled(rng, part) for part in templates[at])


def _filled(rng: random.Random, part: str) -> str:
    if part == "#":
        return str(rng.getrandbits(24))
    return word(rng) if part == "*" else part
