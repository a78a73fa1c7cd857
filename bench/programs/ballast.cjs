// Preloaded into a supervisor: about 80 MB of small objects that stay alive.
if (process.argv.includes('supervise')) {
  globalThis.ballast = Array.from({ length: 490_000 }, (_, index) => ({
    index,
    text: `${index} of many`,
    list: [index],
  }))
}
