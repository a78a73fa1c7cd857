/**
 * Four file calls that hang on a dead disk would use up libuv's four threads. Works only before the first asynchronous file
 * call of the process, and must not reach the services: take a copy of the environment for them first.
 */
export function widenThreadPool(): void {
  process.env.UV_THREADPOOL_SIZE = '16'
}
