import { libcFunction } from './libc.ts'

const alarm = libcFunction<[number], number>('unsigned int alarm(unsigned int seconds)')

/** The kernel ends this process by SIGALRM in so many whole seconds, whatever its event loop does. 0: not any more. */
export function endThisProcessIn(seconds: number): void {
  alarm(seconds)
}
