/** What it throws comes out on the event loop afterwards: whoever comes next is not to pay for it. */
export function guarded(act: () => void): void {
  try {
    act()
  } catch (error) {
    setImmediate(() => {
      throw error
    })
  }
}
