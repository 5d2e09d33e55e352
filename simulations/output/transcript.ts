import { localText } from '../scenario/clock.ts'
import type { Played } from '../scenario/play.ts'
import { condensed, inWords } from './words.ts'

/** Everything that was recorded, in an operator's words, by the local clock: a text to read, and to compare with. */
export function transcriptOf({ world, built, scenario }: Played): string {
  const clock = (atS: number): string => localText(built.zone, atS).slice(11)
  const day = (atMs: number): string => localText(built.zone, Math.floor(atMs / 1000)).slice(0, 10)
  const days = new Map<string, string[]>()
  for (const { atMs, fact } of world.facts) {
    const said = inWords(fact, clock).map(text => `${clock(Math.floor(atMs / 1000))}  ${text}`)
    if (said.length === 0) continue
    const lines = days.get(day(atMs))
    if (lines) lines.push(...said)
    else days.set(day(atMs), said)
  }
  const head = `${scenario.name}, seed ${built.seed}, times of ${built.zone}`
  return `${[head, ...[...days].flatMap(([date, lines]) => ['', date, ...condensed(news(lines))])].join('\n')}\n`
}

/** News of cars that nothing else comes between are one line. */
function news(lines: readonly string[]): string[] {
  const one = /^(\S+) {2}news of cars at (\d+) chargers?$/
  const out: string[] = []
  for (let k = 0; k < lines.length; ) {
    let [to, count] = [k, 0]
    for (let found = one.exec(lines[to]!); found; found = one.exec(lines[++to] ?? '')) count += Number(found[2])
    if (to - k < 2) out.push(lines[k]!)
    else out.push(`${one.exec(lines[k]!)![1]}  ${count} news of cars until ${one.exec(lines[to - 1]!)![1]}`)
    k = Math.max(k + 1, to)
  }
  return out
}
