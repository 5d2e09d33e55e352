import { clock, type Output } from './output.ts'

const LINE_EVERY_MS = 5_000
const FRAME_MS = 100
const BAR = 28

/** How far a long piece of work is: one line that is drawn over on a terminal, else a line every 5 s. With the time left, by the pace so far. */
export function createProgress(out: Output, what: string, nowMs: () => number = Date.now) {
  const startedMs = nowMs()
  let saidMs = startedMs
  let isShown = false
  return {
    /** @param share of the work that is done; `before`: of it before this process began */
    tell(share: number, detail = '', before = 0): void {
      const ms = nowMs()
      if (ms - saidMs < (out.live ? FRAME_MS : LINE_EVERY_MS)) return
      saidMs = ms
      const text = progressText(what, share, (ms - startedMs) / 1000, detail, before)
      if (!out.live) return out.note(text)
      if (out.quiet) return
      isShown = true
      out.raw(`\r${text.slice(0, out.columns - 1)}\u001b[K`)
    },
    clear(): void {
      if (isShown) out.raw('\r\u001b[K')
      isShown = false
    },
  }
}
/** Pure: a bar, the share, and how long the rest takes at the pace so far. */
export function progressText(what: string, share: number, elapsedS: number, detail: string, before = 0): string {
  const full = Math.round(BAR * Math.min(1, share))
  const done = share - before
  const left = done > 0 ? `, ${clock((elapsedS * (1 - share)) / done)} left` : ''
  return `${what} [${'#'.repeat(full)}${'.'.repeat(BAR - full)}] ${Math.floor(100 * share)} %${detail === '' ? '' : ` ${detail}`}${left}`
}
