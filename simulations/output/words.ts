import { type Decline, type Fact, outcomeKinds, type ScheduleColumns, type Second } from '../../src/core/model.ts'

/** Commands that go out one by one as each charger's turn comes are one line. */
export function condensed(lines: readonly string[]): string[] {
  const single = /^(\S+) {2}1 (command sent|answer accepted)$/
  const out: string[] = []
  for (let k = 0; k < lines.length; ) {
    let to = k
    while (to < lines.length && single.test(lines[to]!)) to++
    const n = lines.slice(k, to).filter(line => line.endsWith('sent')).length
    if (n < 2) out.push(lines[k++]!)
    else {
      const [from, until] = [lines[k]!, lines[to - 1]!].map(line => line.split(' ')[0])
      out.push(`${from}  ${n} commands sent one by one until ${until}, ${to - k - n} accepted`)
      k = to
    }
  }
  return out
}

/** A fact as an operator would say it; nothing for those that say nothing to one. `clock`: a second of time in print. */
export function inWords(fact: Fact, clock: (atS: Second) => string): string[] {
  switch (fact.kind) {
    case 'signal':
      return [
        `signal ${fact.event.upstreamRef} revision ${fact.event.revision}: ${fact.event.class}${fact.event.intervals.map(x => `, ${clock(x.fromS)}-${clock(x.toS)} ${JSON.stringify(x.ask)}`).join('')}`,
      ]
    case 'accepted':
      return [
        `event ${fact.event} accepted, start spread ${fact.spread.startS} s, end spread ${fact.spread.endS} s, ${fact.excluded.length} excluded`,
      ]
    case 'declined':
      return [`event ${fact.event} declined: ${fact.why satisfies Decline}`]
    case 'planned':
      return [
        `plan ${fact.generation}: ${many(fact.schedules.who.length, 'schedule')} changed ${limitsOf(fact.schedules)}`,
        ...fact.unreachable.map(u => `   event ${u.event} is out of reach by ${kW(u.missingW)}`),
      ]
    case 'sent':
      return [`${many(fact.who.length, 'command')} sent`]
    case 'outcome':
      return outcomeKinds.flatMap((kind, code) => {
        const n = fact.what.filter(w => w === code).length
        return n === 0 ? [] : [`${many(n, 'answer')} ${kind}${code === 0 ? '' : ` (${fact.causes.join(', ')})`}`]
      })
    case 'link':
      return [`${fact.up.filter(u => u === 1).length} stations up, ${fact.up.filter(u => u === 0).length} down`]
    case 'silent':
      return [`${fact.peer} is silent for ${fact.silentMs / 1000} s`]
    case 'heardAgain':
      return [`${fact.peer} is heard again`]
    case 'booted':
      return [`${many(fact.stations.length, 'station')} started`]
    case 'outage':
      return [
        `the supply of node ${fact.node} is back after an outage: ${fact.stations.length} stations of it have started, its load before was ${kW(fact.powerW.reduce((sum, w) => sum + w, 0))}`,
      ]
    case 'doubt':
      return [`what ${many(fact.who.length, 'charger')} held is in doubt: ${fact.why}`]
    case 'refused':
      return [`${many(fact.who.length, 'charger')} refused (${fact.causes.join(', ')})`]
    case 'optOut':
      return [`${many(fact.who.length, 'charger')} opted out ${clock(fact.fromS)}-${clock(fact.toS)} (${fact.reason})`]
    case 'session':
      return [`news of cars at ${many(fact.who.length, 'charger')}`]
    case 'restoring':
      return [`event ${fact.event} is over: ${many(fact.who.length, 'charger')} held until there is room`]
    case 'admitted':
      return [`let in: ${[...fact.who].join(', ')}`]
    case 'restored':
      return [`nobody waits after event ${fact.event}: the rest is let go`]
    case 'shortfall':
      return [`shortfall of event ${fact.event}: ${kW(fact.missingW)}, ${many(fact.unmoved.length, 'charger')} unmoved`]
    case 'lastResort':
      return [`last resort of event ${fact.event}: ${fact.step} for ${many(fact.who.length, 'charger')}`]
    case 'verified': {
      const v = fact.verification
      const share = v.ratio === null ? 'no ratio' : `${(100 * v.ratio).toFixed(1)} %`
      return [
        `event ${v.event} ${v.verdict}: asked ${kWh(v.askedWh)}, baseline ${kWh(v.baselineWh)}, delivered ${kWh(v.deliveredWh)} (${share}), coverage ${(100 * v.coverage).toFixed(0)} %`,
        `   ${v.counts.compliant} compliant, ${v.counts.notCompliant} not, ${v.counts.noData} without data, ${v.counts.notCommanded} not commanded; causes ${JSON.stringify(v.causes)}`,
      ]
    }
    default:
      return []
  }
}
export const kW = (w: number): string => `${(w / 1000).toFixed(1)} kW`
const kWh = (wh: number): string => `${(wh / 1000).toFixed(2)} kWh`
const many = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
function limitsOf(x: ScheduleColumns): string {
  const counts = new Map<string, number>()
  let previous = 0
  x.ends.forEach(end => {
    const text = end === previous ? 'free' : Array.from(x.limitW.subarray(previous, end), w => `${w} W`).join(' then ')
    counts.set(text, (counts.get(text) ?? 0) + 1)
    previous = end
  })
  const top = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
  return `(${top
    .slice(0, 4)
    .map(([text, n]) => `${n} x ${text}`)
    .join(', ')}${top.length > 4 ? ', ...' : ''})`
}
