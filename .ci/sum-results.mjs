// Adds up what the test runs reported, and says it in one closing line.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const directory = process.argv[2]
let passed = 0
let failed = 0
let skipped = 0
for (const name of readdirSync(directory).sort()) {
  const report = JSON.parse(readFileSync(join(directory, name), 'utf8'))
  const { numPassedTests, numFailedTests, numPendingTests } = report
  console.log(`${name}: ${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`)
  for (const { fullName, status, failureMessages } of report.testResults.flatMap((file) => file.assertionResults)) {
    const [why] = failureMessages
    if (status === 'passed' && why !== undefined) console.log(`  passed at the second try: ${fullName}\n    ${why}`)
  }
  passed += numPassedTests
  failed += numFailedTests
  skipped += numPendingTests
}
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exit(failed === 0 && passed > 0 ? 0 : 1)
