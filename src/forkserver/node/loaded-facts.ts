/** Of the application, for `status`. @param took milliseconds */
export function loadedFacts(took: number): Readonly<Record<'modules' | 'ms' | 'rss' | 'pid', number>> {
  return {
    modules: Object.keys(require.cache).length,
    ms: Math.round(took),
    rss: process.memoryUsage.rss(),
    pid: process.pid,
  }
}
