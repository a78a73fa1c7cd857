import { defineConfig } from 'vitest/config'

/** Real processes on two cores: one file at a time, or boot times and drains of several tests mix. */
const realProcesses = { fileParallelism: false, pool: 'forks', testTimeout: 60_000, hookTimeout: 60_000 } as const

export default defineConfig({
  test: {
    coverage: {
      provider: 'v8',
      include: ['src/lifecycle/**', 'src/rollout/**'],
      thresholds: { branches: 100 },
    },
    projects: [
      { test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: ['test/e2e/**', 'test/chaos/**'] } },
      { test: { ...realProcesses, name: 'e2e', include: ['test/e2e/**/*.test.ts'] } },
      { test: { ...realProcesses, name: 'chaos', include: ['test/chaos/**/*.test.ts'], testTimeout: 300_000 } },
    ],
  },
})
