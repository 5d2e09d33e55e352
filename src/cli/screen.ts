import type { Colors } from 'picocolors/types.js'
import { clock, watts } from './output.ts'

/** What the demo's screen shows; figures only, so that drawing is a pure function. */
export type View = {
  readonly phase: 'starting' | 'waiting' | 'announced' | 'reducing' | 'holding' | 'restoring' | 'verifying' | 'done'
  /** Since the demo began. */
  readonly elapsedS: number
  readonly chargers: number
  readonly online: number
  readonly event: {
    readonly id: string
    readonly ask: string
    /** Until the start (negative: since). */
    readonly toStartS: number
    readonly toEndS: number
    /** Until everyone is free again. */
    readonly toFreeS: number
    readonly durationS: number
  } | null
  /** null: not known (yet); never drawn as a number. */
  readonly measuredW: number | null
  readonly baselineW: number | null
  readonly targetW: number | null
  readonly unmetered: number
  readonly commanded: number
  readonly answered: number
  readonly silent: number
  readonly refused: number
  readonly inDelay: number
  readonly spreadS: number
  /** Oldest first; null where nothing was known. */
  readonly history: readonly (number | null)[]
}

const phases: Record<View['phase'], string> = {
  starting: 'chargers are connecting',
  waiting: 'waiting for the grid',
  announced: 'event announced, limits are being sent',
  reducing: 'load is coming down, staggered',
  holding: 'holding the target',
  restoring: 'load comes back, staggered',
  verifying: 'waiting for the last meter readings',
  done: 'done',
}
const BLOCKS = ' ▁▂▃▄▅▆▇█'

/** A bar of `width` cells, `share` 0..1 filled. */
export const bar = (share: number, width: number): string => {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width)
  return '█'.repeat(full) + '░'.repeat(width - full)
}
/** The last `width` values as blocks, scaled to `top`; a gap is a dot, so that missing data never looks like no load. */
export const sparkline = (values: readonly (number | null)[], top: number, width: number): string =>
  values
    .slice(-width)
    .map(v => (v === null ? '·' : BLOCKS[Math.max(1, Math.min(8, Math.round((8 * v) / Math.max(1, top))))]!))
    .join('')

/** Share of the way from announcement to release that is over. */
const progress = (v: View): number =>
  v.event === null
    ? 0
    : v.phase === 'done' || v.phase === 'verifying'
      ? 1
      : v.event.toStartS > 0
        ? 0
        : 1 - Math.max(0, v.event.toFreeS) / freeAfterS(v.event)
const freeAfterS = (e: NonNullable<View['event']>): number => Math.max(1, e.durationS + (e.toFreeS - e.toEndS))

function left(v: View): string {
  const e = v.event
  if (e === null) return ''
  if (e.toStartS > 0) return `starts in ${clock(e.toStartS)}`
  if (e.toEndS > 0) return `${clock(e.toEndS)} left`
  return e.toFreeS > 0 ? `all free in ${clock(e.toFreeS)}` : 'over'
}
/** Above the target by more than 5 %: word and sign, so that colour is never alone. */
const verdict = (v: View): string =>
  v.measuredW === null || v.targetW === null || v.phase !== 'holding' ? '' : v.measuredW <= v.targetW * 1.05 ? 'met' : '▲ above target'

/** One screen, without cursor movements. At most `width` columns. */
export function render(v: View, width: number, c: Colors): string {
  const w = Math.max(48, Math.min(width, 100))
  const barWidth = w - 34
  const top = Math.max(v.baselineW ?? 0, ...v.history.map(h => h ?? 0), 1)
  const gauge = (label: string, value: number | null, paint: (t: string) => string) =>
    `  ${label.padEnd(10)}${watts(value).padStart(9)}  ${value === null ? '' : paint(bar(value / top, barWidth))}`
  const judged = verdict(v)
  const lines = [
    c.bold(`gridbridge demo  ${clock(v.elapsedS)}  ${phases[v.phase]}`),
    v.event === null ? `  event     none yet` : `  event     ${v.event.id}: ${v.event.ask}, ${left(v)}`,
    gauge('before', v.baselineW, c.dim),
    gauge('target', v.targetW, c.magenta),
    `${gauge('measured', v.measuredW, c.cyan)}${judged === '' ? '' : `  ${judged === 'met' ? judged : c.yellow(judged)}`}`,
    `  ${'trend'.padEnd(10)}${''.padStart(9)}  ${sparkline(v.history, top, barWidth)}`,
    `  chargers  ${v.online} of ${v.chargers} online, ${v.unmetered} without fresh reading`,
    `  limits    ${v.answered} of ${v.commanded} answered, ${v.silent > 0 ? c.yellow(`▲ ${v.silent} silent`) : '0 silent'}, ${v.refused} refused`,
    `  delay     ${v.inDelay} still in random delay (window ${v.spreadS} s)`,
    `  progress  [${bar(progress(v), w - 20)}] ${Math.round(100 * progress(v))} %`,
  ]
  return `${lines.map(l => l.trimEnd()).join('\n')}\n`
}

/** The same as one line, for logs and pipes. */
export const plainLine = (v: View): string =>
  [
    `[${clock(v.elapsedS)}] ${phases[v.phase]}`,
    `measured ${watts(v.measuredW)}${v.targetW === null ? '' : ` (target ${watts(v.targetW)}${verdict(v) === '' ? '' : `, ${verdict(v)}`})`}`,
    `${v.online}/${v.chargers} online`,
    ...(v.commanded === 0
      ? []
      : [`${v.answered}/${v.commanded} answered`, `${v.silent} silent`, `${v.refused} refused`, `${v.inDelay} in random delay`]),
    ...(v.event === null ? [] : [left(v)]),
  ].join('; ')

export type Screen = { show(view: View): void; clear(): void }
/** On a terminal: redraws in place. Elsewhere: a plain line at most every `everyS` seconds and at each change of phase. */
export function createScreen(
  out: { readonly live: boolean; readonly columns: number; readonly color: Colors; raw(text: string): void; note(text: string): void },
  everyS = 5,
): Screen {
  let drawn = 0
  let lastS = Number.NEGATIVE_INFINITY
  let phase: View['phase'] | null = null
  const up = () => (drawn > 0 ? `\u001b[${drawn}A\u001b[0J` : '')
  return {
    show(view) {
      if (out.live) {
        const text = render(view, out.columns, out.color)
        out.raw(up() + text)
        drawn = text.split('\n').length - 1
      } else if (view.phase !== phase || view.elapsedS - lastS >= everyS) {
        out.note(plainLine(view))
        lastS = view.elapsedS
        phase = view.phase
      }
    },
    clear() {
      if (out.live) out.raw(up())
      drawn = 0
    },
  }
}
