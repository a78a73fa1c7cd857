/**
 * What a piece of work costs: milliseconds of CPU that this process used for it, however much else the machine has to do. Threads of
 * V8 and of the file system count, too.
 */
export async function costOf<T>(work: () => T | Promise<T>): Promise<{ readonly value: T; readonly millis: number }> {
  const before = process.cpuUsage()
  const value = await work()
  const { user, system } = process.cpuUsage(before)
  return { value, millis: (user + system) / 1_000 }
}
