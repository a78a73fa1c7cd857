"""Loaded once, by the forkserver: what takes its time, and what all workers only read."""
import collections
import os

SYLLABLES = "ba be bi bo bu da de di do du ka ke ki ko ku la le li lo lu ma me mi mo mu ra re ri ro ru".split()


def syllables(number, count):
    return "".join(SYLLABLES[number // 30**at % 30] for at in range(count))


words = sorted(syllables(number * 7919, 5) for number in range(300_000))
by_beginning = collections.defaultdict(list)
for word in words:
    by_beginning[word[:4]].append(word)

print(f"{len(words)} words loaded by process {os.getpid()}", flush=True)
