import { defineConfig } from 'vitest/config'

// CI's machine is shared: a test that fails there is tried once more, and named as retried. It is to be looked into all the same;
// at home nothing is tried twice.
const retry = process.env.CI ? 1 : 0

/** Real processes, which mostly wait for each other: three files at a time keep two cores busy (200 s; two took 247 s). */
const realProcesses = {
  retry,
  maxWorkers: 3,
  // After the unit tests.
  sequence: { groupOrder: 1 },
  pool: 'forks',
  testTimeout: 60_000,
  hookTimeout: 60_000,
} as const

/** `npm test` has a short test of each kind of forkserver; these are 90 s more. */
const forks = [
  'test/e2e/fork-node-*.test.ts',
  'test/e2e/library-fork*.test.ts',
  'test/e2e/{refork,forkserver,forkserver-large,forkserver-nonsense,controlfreak-proxy,concurrency-limit}.test.ts',
]

export default defineConfig({
  test: {
    coverage: {
      provider: 'v8',
      include: ['src/lifecycle/**', 'src/rollout/**', 'src/election/**'],
      thresholds: { branches: 100 },
    },
    projects: [
      {
        test: {
          retry,
          name: 'unit',
          // Left to itself, vitest leaves one of two cores idle.
          maxWorkers: 2,
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/chaos/**', 'test/forkserver/**'],
        },
      },
      { test: { ...realProcesses, name: 'e2e', include: ['test/e2e/**/*.test.ts'], exclude: forks } },
      { test: { ...realProcesses, name: 'forks', include: forks } },
      // Every clause of the protocol, in three languages: no version of Node changes them.
      { test: { ...realProcesses, name: 'runners', include: ['test/forkserver/**/*.test.ts'] } },
      {
        test: {
          ...realProcesses,
          fileParallelism: false,
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          testTimeout: 300_000,
        },
      },
    ],
  },
})
