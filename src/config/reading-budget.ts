// What all files of a config may cost together: a glob over the wrong tree must end soon, and so must a row of slow modules.
import { formatSize } from './values/size.ts'

const MOST_FILES = 1_000
/** The YAML parser takes some 3 s and 200 MB for a megabyte. */
const MOST_YAML = 4 * 1024 * 1024
const MOST_TEXT = 20 * 1024 * 1024

export class ReadingBudget {
  /** Milliseconds that the modules still have. */
  moduleTime: number
  #files = 0
  #yaml = 0
  #text = 0

  constructor(moduleTime: number) {
    this.moduleTime = moduleTime
  }

  countFile(): void {
    this.#files++
  }

  countText(characters: number, isYaml: boolean): void {
    this.#text += characters
    if (isYaml) this.#yaml += characters
  }

  /** Which bound is reached; null: read on. */
  get exceeded(): string | null {
    if (this.#files >= MOST_FILES) return `the config consists of more than ${MOST_FILES} files`
    if (this.#yaml > MOST_YAML) return `the config consists of more than ${formatSize(MOST_YAML)} of YAML`
    return this.#text > MOST_TEXT ? `the config consists of more than ${formatSize(MOST_TEXT)} of text` : null
  }
}
