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
// The first lines of a message: what was expected, or the seed of a property.
const why = messages => (messages ?? []).map(text => text.split('\n').slice(0, 3).join('\n    ')).join('\n    ')
for (const suite of report.testResults) {
  const file = suite.name.replace(`${root}/`, '')
  const failed = suite.assertionResults.filter(t => t.status === 'failed')
  for (const t of failed) console.error(`  FAILED   ${file}: ${t.fullName}\n    ${why(t.failureMessages)}`)
  if (suite.status === 'failed' && failed.length === 0) console.error(`  FAILED   ${file}: ${suite.message}`)
  // A test that was given one more try and passed keeps the messages of its first.
  for (const t of suite.assertionResults.filter(t => t.status === 'passed' && t.failureMessages?.length > 0))
    console.log(`  passed on another try  ${file}: ${t.fullName}\n    ${why(t.failureMessages)}`)
}
if (!report.success || report.numPassedTests === 0) process.exit(1)
const mayBe = process.env.CI_MAY_SKIP ? new RegExp(process.env.CI_MAY_SKIP) : undefined
if (shared && skipped.some(name => !mayBe?.test(name))) {
  console.error('with ../shared here nothing may be skipped')
  process.exit(1)
}
