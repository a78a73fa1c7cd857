/** What came of it; `late` where that takes longer. @param millis Infinity: as long as it takes */
export async function inTime<T, const L>(millis: number, work: Promise<T>, late: L): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined
  const end = new Promise<L>((resolve) => {
    if (Number.isFinite(millis)) timer = setTimeout(resolve, millis, late)
  })
  return Promise.race([work, end]).finally(() => clearTimeout(timer))
}
