import { hasFunction, libcFunction } from './libc.ts'

const mallocTrim = libcFunction<[number], number>('int malloc_trim(size_t pad)')

/** Gives memory that C has freed back to the system: glibc keeps it, in an arena for each thread, for the next time. */
export function trimMalloc(): void {
  if (hasFunction('malloc_trim')) mallocTrim(0)
}
