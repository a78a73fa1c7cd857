// Adds up what the test runs reported, and says it in one closing line.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const directory = process.argv[2]
let passed = 0
let failed = 0
let skipped = 0
for (const name of readdirSync(directory).sort()) {
  const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(join(directory, name), 'utf8'))
  console.log(`${name}: ${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`)
  passed += numPassedTests
  failed += numFailedTests
  skipped += numPendingTests
}
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exit(failed === 0 && passed > 0 ? 0 : 1)
