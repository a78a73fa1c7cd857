// Loaded once, by the forkserver: what takes its time, and what all workers only read.
const SYLLABLES = 'ba be bi bo bu da de di do du ka ke ki ko ku la le li lo lu ma me mi mo mu ra re ri ro ru'.split(' ')

const syllables = (number, count) =>
  Array.from({ length: count }, (_, at) => SYLLABLES[Math.floor(number / 30 ** at) % 30]).join('')

/** 400,000 made-up words, some 50 MB with the map. */
export const words = Array.from({ length: 400_000 }, (_, number) => syllables(number * 7_919, 5)).sort()

/** By their first four letters. */
export const byBeginning = new Map()
for (const word of words) {
  const beginning = word.slice(0, 4)
  if (!byBeginning.has(beginning)) byBeginning.set(beginning, [])
  byBeginning.get(beginning).push(word)
}

console.log(`${words.length} words loaded by process ${process.pid}`)
