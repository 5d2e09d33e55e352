// A bench prints JSON lines on stdout and nothing else; one of them has its name and its keys, each a number, or true.
import { readFileSync } from 'node:fs'

const [name, keys] = process.argv.slice(2)
const lines = readFileSync(0, 'utf8')
  .split('\n')
  .filter(line => line !== '')
const fail = why => {
  console.error(`bench ${name}: ${why}\n${lines.join('\n')}`)
  process.exit(1)
}
const parsed = lines.map(line => {
  try {
    return JSON.parse(line)
  } catch {
    return fail(`not JSON: ${line}`)
  }
})
const found = parsed.find(line => line.bench === name) ?? fail(`no line with "bench": "${name}"`)
for (const key of keys.split(' '))
  if (found[key] !== true && !Number.isFinite(found[key])) fail(`"${key}" is ${JSON.stringify(found[key])}`)
console.log(JSON.stringify(found))
