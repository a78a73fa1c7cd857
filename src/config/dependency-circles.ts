/**
 * Circles in a graph of names, each as `[a, b, a]`, each name in at most one of them. `next` gives what a name needs.
 */
export function findCircles(
  names: readonly string[],
  next: (name: string) => readonly string[],
): readonly (readonly string[])[] {
  const done = new Set<string>()
  const circles: string[][] = []
  const inCircle = new Set<string>()
  for (const start of names) {
    const trail: string[] = []
    const positions = new Map<string, number>()
    // Depth first with a stack of its own: a chain of ten thousand services must not overflow the call stack.
    const pending: { name: string; rest: string[] }[] = []
    const enter = (name: string) => {
      positions.set(name, trail.length)
      trail.push(name)
      pending.push({ name, rest: [...next(name)] })
    }
    if (!done.has(start)) enter(start)
    for (let top = pending.at(-1); top !== undefined; top = pending.at(-1)) {
      const name = top.rest.shift()
      if (name === undefined) {
        pending.pop()
        trail.pop()
        positions.delete(top.name)
        done.add(top.name)
      } else if (positions.has(name)) {
        const circle = trail.slice(positions.get(name))
        if (circle.some((member) => inCircle.has(member))) continue
        circles.push([...circle, name])
        for (const member of circle) inCircle.add(member)
      } else if (!done.has(name)) enter(name)
    }
  }
  return circles
}
