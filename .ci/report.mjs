// Reads vitest's JSON report: nothing may have failed, and nothing may be skipped where ../shared is there to run it.
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'

const [file, root] = process.argv.slice(2)
const report = JSON.parse(readFileSync(file, 'utf8'))
const skipped = report.testResults.flatMap(suite =>
  suite.assertionResults
    .filter(t => t.status !== 'passed' && t.status !== 'failed')
    .map(t => `${suite.name.replace(`${root}/`, '')}: ${t.fullName} (${t.status})`),
)
const shared = existsSync(resolve(root, '../shared'))
console.log(
  `${report.numPassedTests} passed, ${report.numFailedTests} failed, ${skipped.length} skipped; ../shared is ${shared ? 'here' : 'absent'}`,
)
for (const name of skipped) console.log(`  skipped  ${name}`)
if (!report.success || report.numPassedTests === 0) process.exit(1)
if (shared && skipped.length > 0) {
  console.error('with ../shared here nothing may be skipped')
  process.exit(1)
}
