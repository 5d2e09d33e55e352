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
for (const suite of report.testResults) {
  const failed = suite.assertionResults.filter(t => t.status === 'failed').map(t => t.fullName)
  if (suite.status === 'failed' && failed.length === 0) failed.push(suite.message)
  for (const name of failed) console.error(`  FAILED   ${suite.name.replace(`${root}/`, '')}: ${name}`)
}
if (!report.success || report.numPassedTests === 0) process.exit(1)
if (shared && skipped.length > 0) {
  console.error('with ../shared here nothing may be skipped')
  process.exit(1)
}
