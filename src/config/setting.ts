// Settings are data: one row per key. Validation, defaults, JSON Schema, the reference page and the types of a config written
// in TypeScript all come from the tables in settings/.
import type { ValueType } from './value-type.ts'

/** A default that depends on other settings or on the machine; `text` is what the reference page says. */
export class ComputedDefault {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export interface SettingOptions<In> {
  /** As a user would write it. Left out: none, and the key may be required. */
  readonly default?: In | ComputedDefault
  readonly doc: string
  /** Why this default. */
  readonly reason?: string
  /** What a number counts, where the type does not say it: `workers`, `failures`. */
  readonly unit?: string
  readonly required?: true
  /** The engine of this key is not built yet: known and checked, and refused by `check` and `up`. */
  readonly laterEngine?: true
  /** Values of a later key that work already. */
  readonly worksNow?: readonly unknown[]
  /** What other programs call it; only for "did you mean". */
  readonly knownElsewhereAs?: readonly string[]
}

export interface Setting<Out = unknown, In = unknown> extends SettingOptions<In> {
  readonly type: ValueType<Out, In>
}

export type SettingTable = Readonly<Record<string, Setting>>

type OutputOf<S> = S extends { readonly type: ValueType<infer Out> } ? Out : never
type InputOf<S> = S extends { readonly type: ValueType<unknown, infer In> } ? In : never

/** What was read: keys that were not given are absent. */
export type Sparse<T> = { readonly [K in keyof T]?: OutputOf<T[K]> }
/** What a user may write. */
export type Written<T> = { readonly [K in keyof T]?: InputOf<T[K]> }
/** Read, with the fixed defaults filled in. */
export type Complete<T> = {
  readonly [K in keyof T]: T[K] extends { readonly default: infer D }
    ? D extends ComputedDefault
      ? OutputOf<T[K]> | undefined
      : OutputOf<T[K]>
    : OutputOf<T[K]> | undefined
}

/** One row of a settings table. */
export function setting<Out, In, const O extends SettingOptions<In>>(
  type: ValueType<Out, In>,
  options: O & SettingOptions<In>,
): { readonly type: ValueType<Out, In> } & O {
  return { ...options, type }
}
