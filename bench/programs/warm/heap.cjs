// So many megabytes of small objects, for a forkserver to carry: BENCH_HEAP_MB.
const { memoryUsage } = process

const kept = []
const enough = Number(process.env.BENCH_HEAP_MB) * 1_048_576
while (memoryUsage().heapUsed < enough) {
  for (let count = 0; count < 10_000; count++)
    kept.push({ id: kept.length, text: `object ${kept.length}`, next: kept.at(-1) })
}

/** What a worker does: it waits to be killed. */
module.exports = () => setInterval(() => kept.length, 1_000_000)
