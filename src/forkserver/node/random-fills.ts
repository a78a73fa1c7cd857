// Libraries keep random bytes in reserve, too: uuid, nanoid and ws fill a buffer with hundreds of them, and use it up piece by piece.
// A forked child would use what its siblings use. So every buffer that Node's crypto has filled is remembered, and filled anew in the
// child, where nothing else was written into it since. Smaller ones are keys and the like, which siblings may have in common.
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'

type View = NodeJS.ArrayBufferView & { readonly BYTES_PER_ELEMENT?: number }

interface Fill {
  readonly buffer: WeakRef<ArrayBufferLike>
  /** Of the part that was filled. */
  readonly offset: number
  readonly content: Buffer
}

const LEAST = 128
/** No reserve is larger, and what is remembered costs memory. */
const MOST = 64 * 1024

const { randomFillSync, randomFill } = crypto
const fills = new Map<string, Fill>()
const numbers = new WeakMap<ArrayBufferLike, number>()
let lastNumber = 0
let watching = false

/** Before anything keeps a reference to one of these functions. */
export function watchRandomFills(): void {
  watching = true
  crypto.randomFillSync = ((view: View, offset?: number, size?: number) => {
    randomFillSync(view, ...given(offset, size))
    remember(view, offset, size)
    return view
  }) as typeof crypto.randomFillSync
  crypto.randomFill = ((view: View, ...rest: unknown[]) => {
    const [offset, size] = rest.filter((argument) => typeof argument === 'number')
    const done = rest.at(-1)
    if (typeof done !== 'function') return Reflect.apply(randomFill, crypto, [view, ...rest])
    rest[rest.length - 1] = (error: Error | null, filled: View) => {
      if (error === null) remember(view, offset, size)
      done(error, filled)
    }
    return Reflect.apply(randomFill, crypto, [view, ...rest])
  }) as typeof crypto.randomFill
  watchGetRandomValues(Object.getPrototypeOf(crypto.webcrypto))
  syncBuiltinESMExports()
}

/** In a worker that forks nothing: from now on nothing is remembered. */
export function forgetRandomFills(): void {
  watching = false
  fills.clear()
}

/** In the child: fills anew what was filled before the fork. */
export function refill(): void {
  for (const { buffer: weak, offset, content } of fills.values()) {
    const buffer = weak.deref()
    if (buffer === undefined || buffer.byteLength < offset + content.length) continue
    const part = Buffer.from(buffer as ArrayBuffer, offset, content.length)
    if (!part.equals(content)) continue
    randomFillSync(part)
    part.copy(content)
  }
}

function watchGetRandomValues(prototype: { getRandomValues: <T extends View>(view: T) => T }): void {
  const { getRandomValues } = prototype
  prototype.getRandomValues = function (this: unknown, view) {
    const filled = getRandomValues.call(this, view)
    remember(view)
    return filled as typeof view
  }
}

function remember(view: View, offset = 0, size?: number): void {
  if (!watching) return
  const unit = ArrayBuffer.isView(view) ? (view.BYTES_PER_ELEMENT ?? 1) : 1
  const buffer: ArrayBufferLike = ArrayBuffer.isView(view) ? view.buffer : view
  const length = size === undefined ? (view.byteLength ?? 0) - offset * unit : size * unit
  if (length < LEAST || length > MOST) return
  const from = (ArrayBuffer.isView(view) ? view.byteOffset : 0) + offset * unit
  const number = numbers.get(buffer) ?? ++lastNumber
  numbers.set(buffer, number)
  forgetLost()
  fills.set(`${number} ${from} ${length}`, {
    buffer: new WeakRef(buffer),
    offset: from,
    content: Buffer.from(Buffer.from(buffer as ArrayBuffer, from, length)),
  })
}

function forgetLost(): void {
  for (const [key, { buffer }] of fills) if (buffer.deref() === undefined) fills.delete(key)
}

function given(...values: readonly (number | undefined)[]): number[] {
  return values.filter((value) => value !== undefined)
}
